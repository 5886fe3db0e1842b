//! `GET /v1/portal-status`: the portal's weather. How each service does, since when, what waits for it, and how long that
//! will take once it answers.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::delivery::service_of;
use crate::domain::DeliveryState;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::shapes::instant;
use crate::portal::{Service, ServiceWeather, Weather};
use crate::store::StoreError;

/// One service and what waits for it.
struct Status {
    of: ServiceWeather,
    /// People, or documents.
    waiting: u64,
    /// Questions of an outage, to be asked again.
    tickets: u64,
    /// Rows of lists.
    rows: u64,
    drain: Duration,
}

/// What a service takes when it was not called yet: the portal's usual moment (`portal-api.md`, section 7).
const USUAL: Duration = Duration::from_secs(2);

/// `GET /v1/portal-status`.
pub async fn show(State(gateway): State<Gateway>) -> Result<Response, Problem> {
    let (statuses, oldest) = look(&gateway).await?;
    let services: Vec<Value> = statuses
        .iter()
        .map(|Status { of, waiting, tickets, rows, drain }| {
            json!({
                "service": of.service.name(),
                "weather": of.weather.name(),
                "since": of.since.map(instant),
                "typicalMs": of.typical.map(|typical| u64::try_from(typical.as_millis()).unwrap_or(u64::MAX)),
                "waiting": waiting,
                "tickets": tickets,
                "listRows": rows,
                "drainSeconds": drain.as_secs_f64().ceil(),
                // While the service is down, the time counts from its return.
                "afterRecovery": of.weather == Weather::Down,
            })
        })
        .collect();
    let body = json!({
        "at": instant(gateway.0.system.now()),
        "mode": gateway.0.mode.name(),
        "services": services,
        "oldestTicket": oldest.map(instant),
    });
    Ok(Json(body).into_response())
}

/// Sets the gauges of the weather, just before they are read.
pub(super) async fn measure(gateway: &Gateway) {
    let gauges = &gateway.0.metrics.gauges;
    let words = [Weather::Up, Weather::Slow, Weather::Down].map(Weather::name);
    match look(gateway).await {
        Ok((statuses, _)) => {
            for Status { of, waiting, tickets, rows, drain } in statuses {
                let service = of.service.name();
                gauges.portal_up(service, of.weather != Weather::Down);
                gauges.portal_weather(service, of.weather.name(), &words, of.since.map_or(0, Timestamp::as_second));
                gauges.portal_waiting(service, waiting + tickets + rows, drain);
            }
        }
        Err(error) => tracing::warn!(%error, "what waits for the portal could not be counted"),
    }
}

async fn look(gateway: &Gateway) -> Result<(Vec<Status>, Option<Timestamp>), StoreError> {
    let parts = &gateway.0;
    let (tickets, oldest) = parts.store.tickets_waiting().await?;
    let rows = parts.store.rows_waiting().await?;
    let backlog = parts.store.backlog().await?;
    let people = u64::try_from(parts.lookup.under_way()).unwrap_or(u64::MAX);
    let queued = |service: Service| {
        let of_service = backlog.counts.iter().filter(|(kind, state, _)| {
            matches!(state, DeliveryState::Queued | DeliveryState::Sending) && service_of(*kind) == service
        });
        of_service.map(|(.., count)| count).sum::<u64>()
    };
    let statuses = parts.portal.weather().into_iter().map(|of| {
        let (waiting, tickets, rows) = match of.service {
            Service::CardLookup => (people, tickets, rows),
            service => (queued(service), 0, 0),
        };
        let typical = of.typical.unwrap_or(USUAL);
        let drain = match of.service {
            Service::CardLookup => {
                let a_second = f64::from(parts.limits.bulk_questions_per_minute.max(1)) / 60.0;
                at_rate(tickets + rows, a_second) + if waiting > 0 { typical } else { Duration::ZERO }
            }
            _ => at_once(waiting, parts.limits.deliveries_at_once, typical),
        };
        Status { of, waiting, tickets, rows, drain }
    });
    Ok((statuses.collect(), oldest))
}

/// How long `count` take at so many a second.
fn at_rate(count: u64, a_second: f64) -> Duration {
    Duration::try_from_secs_f64(count as f64 / a_second).unwrap_or(Duration::MAX)
}

/// How long `count` take when so many go at once, each for `typical`.
fn at_once(count: u64, places: usize, typical: Duration) -> Duration {
    let rounds = count.div_ceil(u64::try_from(places.max(1)).unwrap_or(u64::MAX));
    typical.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_its_time() {
        assert_eq!(at_rate(0, 4.0), Duration::ZERO);
        assert_eq!(at_rate(240, 4.0), Duration::from_secs(60));
        assert_eq!(at_once(0, 32, USUAL), Duration::ZERO);
        assert_eq!(at_once(33, 32, USUAL), USUAL * 2);
    }
}
