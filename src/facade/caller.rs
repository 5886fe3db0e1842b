//! Who calls: user, password and tokens, each where the family has them, all of them on every call as the portal does.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::audit::{About, Trail};
use crate::clients::{Caller, Scope};
use crate::domain::FacilityCode;
use crate::facade::dialect::{Dialect, Place};
use crate::facade::reply::Refusal;
use crate::facade::request::Call;
use crate::facade::{Facade, token};

/// A caller who was let in.
pub(super) struct Admitted {
    pub(super) caller: Arc<Caller>,
    /// In whose name is asked where the call names no facility.
    pub(super) home: FacilityCode,
    /// The call's way through the audit log.
    pub(super) trail: Trail,
    /// One of the client's places for a request; given back when dropped.
    _place: OwnedSemaphorePermit,
}

/// What opens a function.
struct Credentials<'a> {
    user: &'a str,
    password_md5: &'a str,
    /// Access token and id token, where the family has them.
    tokens: Option<(&'a str, &'a str)>,
}

/// Lets a caller in who may use a function that needs `scope`, and spends one request of the client's quota.
pub(super) async fn admit(
    facade: &Facade,
    dialect: Dialect,
    scope: Option<Scope>,
    call: &Call,
    request_id: &str,
) -> Result<Admitted, Refusal> {
    let parts = &facade.0;
    let given = Credentials::of(dialect, call);
    // The co-payments' sample names the account by its facility code alone, and clients send either (`portal-api.md`,
    // section 2.6): the whole name then stands in the token.
    let in_token = match given.tokens {
        Some((access, _)) if dialect == Dialect::Copay => token::user_of(access),
        _ => None,
    };
    let of_code = in_token.filter(|user| user.split('_').next() == Some(given.user));
    let user = of_code.as_deref().unwrap_or(given.user);

    let clients = &parts.gateway.0.clients;
    let caller = match given.tokens {
        None => {
            let (address, password) = (call.address, given.password_md5);
            parts.doors.knock(address, user, password).map_err(Refusal::too_many_failures)?;
            let caller = clients.identify_user(user, password, address).await?;
            parts.doors.opened(address, user, password);
            caller
        }
        Some(tokens) => {
            let identified = clients.identify_user(user, given.password_md5, call.address).await;
            let (now, life) = (parts.gateway.0.system.now(), parts.config.token_life);
            let is_right = |caller: &Arc<Caller>| token::is_right(&parts.vault, &caller.client, tokens, now, life);
            match identified {
                Ok(caller) if is_right(&caller) => caller,
                // The same word whatever is wrong, so that nobody can try passwords here.
                Ok(_) | Err(_) => return Err(Refusal::signed_out()),
            }
        }
    };
    let _place = caller.begin()?;
    match scope {
        Some(scope) => caller.spend(scope)?,
        None => caller.spend_on_anything()?,
    };
    // Refused when such a client is made, so it is a fault of ours.
    let home = caller.home().ok_or_else(|| Refusal::failed(crate::http::problem::our_fault()))?;
    let trail = Trail::new(&parts.gateway.0.audit, &caller.client.id, request_id, Some(call.address));
    trail.tell(About { facility: Some(home), ..About::default() });
    Ok(Admitted { caller, home, trail, _place })
}

impl<'a> Credentials<'a> {
    fn of(dialect: Dialect, call: &'a Call) -> Self {
        let (body, query) = (&call.fields, |name| call.anywhere(name));
        match dialect.place() {
            Place::SignIn => Self { user: body.get("username"), password_md5: body.get("password"), tokens: None },
            Place::Query => Self {
                user: query("username"),
                password_md5: query("password"),
                tokens: Some((query("token"), query("id_token"))),
            },
            Place::Headers => Self {
                user: body.get("username"),
                password_md5: call.header("passwordhash"),
                tokens: Some((call.header("accesstoken"), call.header("tokenid"))),
            },
            Place::Body => Self {
                user: body.get("username"),
                password_md5: body.get("password"),
                tokens: Some((body.get("token"), body.get("id_token"))),
            },
            Place::Account => {
                Self { user: call.header("username"), password_md5: call.header("password"), tokens: None }
            }
        }
    }
}
