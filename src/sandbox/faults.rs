//! How rude the sandbox is at the moment: the switches, and the dice that decide call by call.
//!
//! The dice come from a seed, so that a run is repeatable in distribution; which call draws which number depends on
//! the order in which calls arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest delay played, whatever the log-normal tail draws: ten minutes outlive every client's patience
/// (`portal-api.md`, section 7: timeouts in the field end at 120 s).
const DELAY_MAX: Duration = Duration::from_secs(600);

/// The switches of section 8.5 and 8.3 of `portal-api.md`, and some more of the same kind. JSON in camelCase; every
/// field may be left out. Rates are chances per call from 0 to 1, drawn independently of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// A fixed delay before each answer, in milliseconds. The work is done before the delay, as at the real portal: a
    /// client that gives up has not undone its call.
    pub latency_ms: u64,
    /// The median of a further, log-normal delay, in milliseconds; 0 for none.
    pub latency_median_ms: u64,
    /// The sigma of that delay (of its logarithm).
    pub latency_sigma: f64,
    /// Chance of an HTTP 500 with plain text. The call is not processed.
    pub error_rate: f64,
    /// Chance of an HTTP 200 with an empty body. The call is processed, its answer lost.
    pub empty_rate: f64,
    /// Chance of an HTTP 502 with an HTML page. The call is not processed.
    pub html_rate: f64,
    /// Chance of a TCP reset before the call is processed.
    pub reset_before_rate: f64,
    /// Chance of a TCP reset after the call was processed and recorded: the answer is lost.
    pub reset_after_rate: f64,
    /// Chance of a JSON answer cut in half, with a matching Content-Length. The call is processed.
    pub truncate_rate: f64,
    /// Chance that the session of the call is revoked at this call, which then fails as its family fails (1.5).
    pub revoke_rate: f64,
    /// Chance of an HTTP 401 with an empty body, as something before the portal answers (1.5). The call is not processed.
    pub unauthorized_rate: f64,
    /// Chance of an HTTP 200 with an HTML page, as a proxy puts over a portal in trouble (section 7). The call is
    /// processed, its answer lost.
    pub html_ok_rate: f64,
    /// Chance that nothing is ever answered, and the call is not processed.
    pub stall_before_rate: f64,
    /// Chance that nothing is ever answered though the call was processed and recorded.
    pub stall_after_rate: f64,
    /// Chance that a document is booked twice by the portal's own fault. One receipt is answered, that of the first.
    pub double_rate: f64,
    /// Milliseconds between two bytes of an answer; 0 sends it whole.
    pub drip_ms_per_byte: u64,
    /// Chance that an answer drips, where `drip_ms_per_byte` is set.
    pub drip_rate: f64,
    /// Writes `maKetQua` as a JSON number instead of a string (section 7).
    pub code_as_number: bool,
    /// Seconds by which the portal's own clock is ahead (negative: behind) in the `Date` header and in every time told.
    pub clock_skew_s: i64,
    /// Every portal call is answered with a TCP reset. The control endpoints stay open.
    pub outage: bool,
    /// Outages planned ahead, in seconds since the sandbox was started.
    pub outage_windows: Vec<OutageWindow>,
    /// A new login ends the earlier sessions of the same account (section 1.4: the truth is unknown; off by default).
    pub last_login_wins: bool,
    /// Whether `Lskcb2025` takes a JSON body (section 2.4; off by default).
    pub lskcb_accepts_json: bool,
    /// Path prefixes, in any case, to which the delays and the chances are confined; empty means every portal path.
    pub only_paths: Vec<String>,
    /// Milliseconds after reception at which a claim is judged (section 4.2).
    pub judge_after_ms: u64,
}

/// From `from_s` (included) to `to_s` (excluded), in seconds since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutageWindow {
    /// The first second of the outage.
    pub from_s: u64,
    /// The first second after it.
    pub to_s: u64,
}

/// What was drawn for one call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    pub(super) error: bool,
    pub(super) empty: bool,
    pub(super) html: bool,
    pub(super) reset_before: bool,
    pub(super) reset_after: bool,
    pub(super) truncate: bool,
    pub(super) revoke: bool,
    pub(super) unauthorized: bool,
    pub(super) html_ok: bool,
    pub(super) stall_before: bool,
    pub(super) stall_after: bool,
    pub(super) double: bool,
    pub(super) drip: Duration,
}

/// A seeded generator (splitmix64) that many connections may draw from.
pub(super) struct Dice(AtomicU64);

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            latency_median_ms: 0,
            latency_sigma: 0.0,
            error_rate: 0.0,
            empty_rate: 0.0,
            html_rate: 0.0,
            reset_before_rate: 0.0,
            reset_after_rate: 0.0,
            truncate_rate: 0.0,
            revoke_rate: 0.0,
            unauthorized_rate: 0.0,
            html_ok_rate: 0.0,
            stall_before_rate: 0.0,
            stall_after_rate: 0.0,
            double_rate: 0.0,
            drip_ms_per_byte: 0,
            drip_rate: 1.0,
            code_as_number: false,
            clock_skew_s: 0,
            outage: false,
            outage_windows: Vec::new(),
            last_login_wins: false,
            lskcb_accepts_json: false,
            only_paths: Vec::new(),
            // Soon enough for a test that waits for the verdict, late enough that the answer is out before it.
            judge_after_ms: 50,
        }
    }
}

impl Faults {
    /// What makes these switches unusable, if anything: a rate outside 0 to 1, or a wild sigma or skew. The control
    /// endpoint refuses such faults; whoever reads them from a command line asks here.
    pub fn complaint(&self) -> Option<&'static str> {
        let rates = [
            self.error_rate,
            self.empty_rate,
            self.html_rate,
            self.reset_before_rate,
            self.reset_after_rate,
            self.truncate_rate,
            self.revoke_rate,
            self.unauthorized_rate,
            self.html_ok_rate,
            self.stall_before_rate,
            self.stall_after_rate,
            self.double_rate,
            self.drip_rate,
        ];
        if !rates.iter().all(|rate| (0.0..=1.0).contains(rate)) {
            return Some("every rate lies between 0 and 1");
        }
        // At sigma 5 the 97.5th percentile is already 18,000 times the median.
        if !(0.0..=5.0).contains(&self.latency_sigma) {
            return Some("latencySigma lies between 0 and 5");
        }
        // A hundred years: more has no date to be told as.
        if self.clock_skew_s.unsigned_abs() > 100 * 366 * 86_400 {
            return Some("clockSkewS is more than a hundred years");
        }
        None
    }

    /// Whether portal calls meet a reset `running` after the start.
    pub(super) fn is_out(&self, running: Duration) -> bool {
        let second = running.as_secs();
        self.outage || self.outage_windows.iter().any(|window| (window.from_s..window.to_s).contains(&second))
    }

    /// Draws what happens to one call of `path`. Every chance costs one number whether it is set or not, so that
    /// changing one rate does not reshuffle the others.
    pub(super) fn plan(&self, path: &str, dice: &Dice) -> Plan {
        let path = path.to_ascii_lowercase();
        let concerned =
            self.only_paths.is_empty() || self.only_paths.iter().any(|p| path.starts_with(&p.to_ascii_lowercase()));
        let chance = |rate: f64| dice.roll() < rate;
        let drawn = Plan {
            error: chance(self.error_rate),
            empty: chance(self.empty_rate),
            html: chance(self.html_rate),
            reset_before: chance(self.reset_before_rate),
            reset_after: chance(self.reset_after_rate),
            truncate: chance(self.truncate_rate),
            revoke: chance(self.revoke_rate),
            delay: self.delay(dice),
            unauthorized: chance(self.unauthorized_rate),
            html_ok: chance(self.html_ok_rate),
            stall_before: chance(self.stall_before_rate),
            stall_after: chance(self.stall_after_rate),
            double: chance(self.double_rate),
            drip: if chance(self.drip_rate) { Duration::from_millis(self.drip_ms_per_byte) } else { Duration::ZERO },
        };
        if concerned { drawn } else { Plan::default() }
    }

    fn delay(&self, dice: &Dice) -> Duration {
        let fixed = Duration::from_millis(self.latency_ms);
        // Box and Muller: two even numbers make one normal one; the first must not be 0.
        let (even, angle) = (1.0 - dice.roll(), dice.roll());
        let normal = (-2.0 * even.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        let tail_ms = self.latency_median_ms as f64 * (self.latency_sigma * normal).exp();
        let tail = Duration::try_from_secs_f64(tail_ms / 1000.0).unwrap_or(DELAY_MAX);
        fixed.saturating_add(tail).min(DELAY_MAX)
    }
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number drawn evenly from `0.0..1.0`.
    pub(super) fn roll(&self) -> f64 {
        // Relaxed: only the number drawn matters, no other memory hangs on it.
        let state = self.0.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        (mix(state) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The step of splitmix64 (Steele, Lea and Flood 2014).
pub(super) const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64: every bit of the result hangs on every bit of `state`.
pub(super) fn mix(state: u64) -> u64 {
    let first = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    second ^ (second >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_hold_over_many_calls() {
        let faults = Faults { error_rate: 0.25, ..Faults::default() };
        let dice = Dice::new(7);
        let errors = (0..10_000).filter(|_| faults.plan("/api/x", &dice).error).count();
        assert!((2_300..2_700).contains(&errors), "{errors}");
    }

    #[test]
    fn the_median_of_the_delay_is_the_median_asked_for() {
        let faults = Faults { latency_median_ms: 1_000, latency_sigma: 0.8, ..Faults::default() };
        let dice = Dice::new(1);
        let mut delays: Vec<_> = (0..2_001).map(|_| faults.plan("/", &dice).delay).collect();
        delays.sort();
        assert!((900..1_100).contains(&delays[1_000].as_millis()), "{:?}", delays[1_000]);
    }

    #[test]
    fn chances_can_be_confined_to_paths() {
        let faults = Faults { error_rate: 1.0, only_paths: vec!["/api/EGW/".into()], ..Faults::default() };
        let dice = Dice::new(1);
        assert!(faults.plan("/api/egw/Lskcb2025", &dice).error);
        assert!(!faults.plan("/api/token/take", &dice).error);
    }

    #[test]
    fn windows_are_counted_from_the_start() {
        let faults = Faults { outage_windows: vec![OutageWindow { from_s: 10, to_s: 20 }], ..Faults::default() };
        let out = [9, 10, 19, 20].map(|second| faults.is_out(Duration::from_secs(second)));
        assert_eq!(out, [false, true, true, false]);
    }

    #[test]
    fn json_may_leave_everything_out_but_not_invent() {
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
        assert!(serde_json::from_str::<Faults>(r#"{"latency":5}"#).is_err());
        let faults: Faults = serde_json::from_str(r#"{"errorRate":2}"#).unwrap();
        assert!(faults.complaint().is_some());
    }
}
