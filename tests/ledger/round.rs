//! One round: a new site, everybody at work while the gateway is killed, rest, and the comparison.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use lienthong::sandbox::Faults;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clients::{ApiClient, Round};
use crate::compare::Picture;
use crate::his::His;
use crate::killer;
use crate::ledger::Ledger;
use crate::papers::FACILITIES;
use crate::people::{self, Person};
use crate::plan::{self, KEYS, USERS};
use crate::site::{PATIENCE, Site};

/// Systems that call `/v1`; with those at the façade there are sixteen.
const API_CLIENTS: usize = 12;

/// What a round came to.
pub(crate) struct Told {
    pub(crate) line: String,
    pub(crate) violations: Vec<String>,
    pub(crate) documents: usize,
    pub(crate) submissions: usize,
}

pub(crate) async fn play(seed: u64, kills: usize) -> Told {
    let began = Instant::now();
    let round = Round {
        seed,
        site: Arc::new(Site::new(seed).await),
        ledger: Arc::new(Ledger::new()),
        finish: CancellationToken::new(),
    };
    // A task of its own: whatever breaks off in it is told with the seed all the same.
    let played = tokio::spawn({
        let round = round.clone();
        async move { play_to_the_end(&round, kills, began).await }
    });
    let what = match played.await {
        Ok(Ok(told)) => return told,
        Ok(Err(what)) => what,
        Err(broken) => format!("the round broke off: {broken}"),
    };
    // Nothing can be compared; what was seen until then is told.
    let mut violations = round.ledger.violations();
    violations.push(format!("{what} [{}]\n{}", round.ledger.phase(), round.site.log_tail()));
    Told { line: "broke off".to_owned(), violations, documents: 0, submissions: 0 }
}

async fn play_to_the_end(round: &Round, kills: usize, began: Instant) -> Result<Told, String> {
    let of_opening = kill_the_first_starts(round).await?;
    let (eyes, mut at_work) = employ(round).await;
    let rest = CancellationToken::new();
    let person = tokio::spawn(Person::new(round.clone(), eyes.clone()).run(rest.clone()));
    let last_look = CancellationToken::new();
    let follower = tokio::spawn(people::follow(Arc::new(round.clone()), eyes.clone(), last_look.clone()));

    let (mut gateway, ends, mut keys) = killer::kill_them(round, kills).await?;
    let killed_in = began.elapsed();

    // The portal is fair again, nobody begins anything new, and everything comes to rest.
    *round.ledger.mood.lock().unwrap() = "fair at the end";
    round.site.sandbox.set_faults(Faults::default());
    round.finish.cancel();
    while let Some(ended) =
        tokio::time::timeout(PATIENCE, at_work.join_next()).await.map_err(|_| "clients are stuck")?
    {
        ended.map_err(|error| format!("a client broke off: {error}"))?;
    }
    rest.cancel();
    let mut person = person.await.map_err(|error| format!("the person broke off: {error}"))?;
    // Two more looks: the second sees to what the first found.
    for _ in 0..2 {
        come_to_rest(round, &eyes).await?;
        person.look().await;
    }
    come_to_rest(round, &eyes).await?;
    last_look.cancel();
    let followed = follower.await.map_err(|error| format!("the follower broke off: {error}"))?;

    let picture = Picture::take(round, &eyes, followed).await;
    let mut violations = round.ledger.violations();
    violations.extend(picture.violations());
    for key in keys.drain(..) {
        let answer = round.site.call(&key, Method::GET, "/v1/documents?limit=1", &[], Bytes::new()).await;
        if answer.as_ref().is_none_or(|answer| answer.status != 200) {
            violations
                .push(format!("a key that a tool told of does not open: {:?}", answer.map(|answer| answer.status)));
        }
    }
    let odd = ["panicked", "a lease was lost", "cannot be unsealed", "broke off"];
    violations.extend(round.site.log_lines_with(&odd).into_iter().map(|line| format!("in the log: {line}")));
    gateway.kill().await.map_err(|error| error.to_string())?;
    violations.extend(faults_of_the_file(&round.site.database()));

    let summary = picture.summary();
    let states: Vec<String> =
        summary.states.iter().map(|((kind, state), count)| format!("{kind} {state} {count}")).collect();
    let line = format!(
        "{} kills ({} at an answer, {} while opening, {} while draining, {} beside a tool; {of_opening} before the first \
         start), {} stops; {} documents, {} attempts ({} interrupted), {} submissions ({} unheard, {} booked twice by the \
         portal), {} events; killing {:.0} s, in all {:.0} s\n  {}",
        ends.kills,
        ends.at_an_answer,
        ends.while_opening,
        ends.while_draining,
        ends.beside_tools,
        ends.in_peace,
        summary.documents,
        summary.attempts,
        summary.interrupted,
        summary.submissions,
        summary.unheard,
        summary.booked_twice,
        summary.events,
        killed_in.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        states.join(", "),
    );
    Ok(Told { line, violations, documents: summary.documents, submissions: summary.submissions })
}

/// The first starts of all make the keys, the file and its tables: some are killed over it, and tools too.
async fn kill_the_first_starts(round: &Round) -> Result<usize, String> {
    const MOST: usize = 4;
    let mut random = plan::chance(round.seed, &[4]);
    let killed = 1 + random.below(MOST);
    for _ in 0..killed {
        let mut child = match random.one_in(3) {
            true => round.site.spawn_keys_add("never told", &["01999"], None),
            false => round.site.spawn(),
        };
        tokio::time::sleep(Duration::from_millis(random.below(80) as u64)).await;
        child.kill().await.map_err(|error| error.to_string())?;
    }
    Ok(killed)
}

/// Makes the keys and sends everybody to work; gives a key that sees everything.
async fn employ(round: &Round) -> (String, JoinSet<()>) {
    let mut at_work = JoinSet::new();
    let eyes = round.site.add_key("eyes", &FACILITIES, None).await;
    let mut keys = Vec::new();
    for (name, facilities) in KEYS {
        keys.push((round.site.add_key(name, facilities, None).await, facilities));
    }
    for number in 0..API_CLIENTS {
        let (key, facilities) = keys[number % keys.len()].clone();
        at_work.spawn(ApiClient { round: round.clone(), number, key, facilities }.run());
    }
    for (place, user) in USERS.into_iter().enumerate() {
        // The user of one facility whose system serves all: its name tells where it is at home.
        let password = round.site.add_key(user, &FACILITIES, Some(user)).await;
        at_work.spawn(His { round: round.clone(), number: API_CLIENTS + place, user, password }.run());
    }
    (eyes, at_work)
}

/// Waits until nothing is queued or on its way.
async fn come_to_rest(round: &Round, key: &str) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut waiting = Vec::new();
        for state in ["queued", "sending"] {
            let mut page = round.site.ask(key, &format!("/v1/documents?status={state}&limit=5")).await;
            if let serde_json::Value::Array(some) = page["data"].take() {
                waiting.extend(some);
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!("deliveries do not come to rest: {waiting:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What SQLite itself finds wrong with the file that the last kill left behind.
fn faults_of_the_file(file: &std::path::Path) -> Vec<String> {
    let check = || -> rusqlite::Result<Vec<String>> {
        let connection = rusqlite::Connection::open(file)?;
        let mut faults = Vec::new();
        let mut integrity = connection.prepare("PRAGMA integrity_check")?;
        for line in integrity.query_map([], |row| row.get::<_, String>(0))? {
            faults.extend(Some(line?).filter(|line| line != "ok").map(|line| format!("integrity_check: {line}")));
        }
        let mut keys = connection.prepare("PRAGMA foreign_key_check")?;
        for table in keys.query_map([], |row| row.get::<_, String>(0))? {
            faults.push(format!("foreign_key_check: {}", table?));
        }
        // Written down by the gateway for itself; the API does not tell of it.
        let settled = "SELECT count(*) FROM attempts WHERE ended_at IS NULL OR outcome IS NULL";
        let open: i64 = connection.query_row(settled, [], |row| row.get(0))?;
        faults.extend((open > 0).then(|| format!("{open} attempts without an end in the file")));
        Ok(faults)
    };
    check().unwrap_or_else(|error| vec![format!("the file cannot be opened: {error}")])
}
