//! Who starts the gateway, kills it, and changes the portal's mood meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;

use crate::clients::Round;
use crate::plan::{self, Ending};
use crate::site::{PATIENCE, secret_in};

/// How many of each there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) kills: usize,
    pub(crate) at_an_answer: usize,
    pub(crate) while_opening: usize,
    pub(crate) while_draining: usize,
    pub(crate) beside_tools: usize,
    pub(crate) in_peace: usize,
}

/// Kills gateways until there were `kills`; gives the last one started, which serves, and the keys that tools told of.
pub(crate) async fn kill_them(round: &Round, kills: usize) -> Result<(Child, Ends, Vec<String>), String> {
    let mut random = plan::chance(round.seed, &[3]);
    let (mut ends, mut keys) = (Ends::default(), Vec::new());
    while ends.kills < kills {
        let (mood, faults) = plan::mood(&mut random);
        *round.ledger.mood.lock().unwrap() = mood;
        round.site.sandbox.set_faults(faults);
        let ending = Ending::next(&mut random);
        let revoked_after = random.one_in(3).then(|| Duration::from_millis(random.below(400) as u64));
        let child = match ending {
            Ending::Opening(_) => round.site.spawn(),
            _ => round.site.start().await?,
        };
        let revoking = async {
            if let Some(wait) = revoked_after {
                tokio::time::sleep(wait).await;
                round.site.sandbox.revoke_tokens();
            }
        };
        let (ended, ()) = tokio::join!(end(round, child, ending, &mut keys), revoking);
        ended?;
        match ending {
            Ending::InPeace(_) => ends.in_peace += 1,
            Ending::Serving(_) => ends.kills += 1,
            Ending::AtSubmission(_) | Ending::AtAcknowledgement(_) => {
                (ends.kills, ends.at_an_answer) = (ends.kills + 1, ends.at_an_answer + 1);
            }
            Ending::Opening(_) => (ends.kills, ends.while_opening) = (ends.kills + 1, ends.while_opening + 1),
            Ending::Draining(..) => (ends.kills, ends.while_draining) = (ends.kills + 1, ends.while_draining + 1),
            Ending::BesideTool(..) => (ends.kills, ends.beside_tools) = (ends.kills + 1, ends.beside_tools + 1),
        }
        round.ledger.kills.store(ends.kills, Ordering::Relaxed);
    }
    Ok((round.site.start().await?, ends, keys))
}

/// Ends one gateway.
async fn end(round: &Round, mut gateway: Child, ending: Ending, keys: &mut Vec<String>) -> Result<(), String> {
    match ending {
        Ending::Opening(after) => tokio::time::sleep(after).await,
        Ending::Serving(after) => {
            tokio::time::sleep(after).await;
            if let Ok(Some(status)) = gateway.try_wait() {
                return Err(format!("the gateway ended by itself with {status}:\n{}", round.site.log_tail()));
            }
        }
        Ending::AtSubmission(more) => {
            let count = || round.site.sandbox.submission_count();
            until(count() + more, count).await;
        }
        Ending::AtAcknowledgement(more) => {
            let count = || round.ledger.heard.load(Ordering::Relaxed);
            until(count() + more, count).await;
        }
        Ending::Draining(after, then) => {
            tokio::time::sleep(after).await;
            terminate(&gateway);
            tokio::time::sleep(then).await;
        }
        Ending::BesideTool(after, tool_killed_after) => {
            tokio::time::sleep(after).await;
            let mut tool = round.site.spawn_keys_add("beside", &["01999"], None);
            match tool_killed_after {
                Some(after) => {
                    tokio::time::sleep(after / 2).await;
                    gateway.kill().await.map_err(|error| error.to_string())?;
                    tokio::time::sleep(after / 2).await;
                    tool.kill().await.map_err(|error| error.to_string())?;
                }
                None => {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    gateway.kill().await.map_err(|error| error.to_string())?;
                }
            }
            // A key that was told of must open, however the tool and the gateway ended.
            let ended = tokio::time::timeout(PATIENCE, tool.wait_with_output()).await;
            let told = ended.map_err(|_| "a tool does not end")?.map_err(|error| error.to_string())?;
            let told: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
            keys.extend(secret_in(&told));
        }
        Ending::InPeace(after) => {
            tokio::time::sleep(after).await;
            terminate(&gateway);
            let ended = tokio::time::timeout(PATIENCE, gateway.wait()).await;
            let status = ended.map_err(|_| "told to stop, the gateway does not")?.map_err(|error| error.to_string())?;
            if !status.success() {
                return Err(format!("told to stop, the gateway ended with {status}:\n{}", round.site.log_tail()));
            }
            return Ok(());
        }
    }
    // One that ended by itself is reaped all the same.
    gateway.kill().await.map_err(|error| error.to_string())
}

/// Waits until there are so many, or for as long as a gateway lives here at most: a dark portal takes nothing.
async fn until(wanted: usize, count: impl Fn() -> usize) {
    const AT_MOST: Duration = Duration::from_millis(1_200);
    let deadline = tokio::time::Instant::now() + AT_MOST;
    while count() < wanted && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn terminate(gateway: &Child) {
    if let Some(id) = gateway.id() {
        let sent = std::process::Command::new("kill").args(["-s", "TERM", &id.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal could be sent");
    }
}
