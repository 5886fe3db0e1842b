//! The clients of a gateway, for `lienthong keys`: made, listed and revoked in its data folder, also beside it while it
//! runs.

use super::audit::as_operator;
use super::{Opening, StartError, mode, open_store, store_failed};
use crate::audit::{About, Deed};
use crate::clients::{facade_secret_hash, home_facility, password_md5, secret_hash};
use crate::config::{Config, Secret};
use crate::domain::FacilityCode;
use crate::store::Client;
use crate::system::System;

/// A client to be made.
#[derive(Clone, Debug)]
pub struct ClientWish {
    /// What the operator calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// For whom.
    pub facilities: Vec<FacilityCode>,
    /// Requests a minute.
    pub requests_per_minute: u32,
    /// From where; empty means anywhere.
    pub addresses: Vec<String>,
    /// For the façade: the user name it signs in with. Such a client has a password and no key.
    pub facade_user: Option<String>,
}

/// A client that was made; the secret is told once and never again.
pub struct NewClient {
    /// Names the key.
    pub id: String,
    /// Opens it: a key, or for the façade a password.
    pub secret: String,
}

/// Makes a client, also beside a running gateway, which knows it within a second.
pub async fn add_client(config: &Config, system: &System, wish: ClientWish) -> Result<NewClient, StartError> {
    let secret = match &wish.facade_user {
        Some(_) => new_password(system),
        None => mode(config).new_secret(system),
    };
    keep_client(config, system, wish, secret).await
}

/// Makes a client of the façade with a password of the operator's choice, for a system whose own cannot be changed.
pub async fn add_client_with_password(
    config: &Config,
    system: &System,
    wish: ClientWish,
    password: &Secret,
) -> Result<NewClient, StartError> {
    if password.expose().is_empty() {
        return Err(StartError::Client("the password is empty"));
    }
    keep_client(config, system, wish, password.expose().to_owned()).await
}

async fn keep_client(
    config: &Config,
    system: &System,
    wish: ClientWish,
    secret: String,
) -> Result<NewClient, StartError> {
    if let Some(user) = &wish.facade_user {
        let plain = !user.is_empty() && user.len() <= 64 && user.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain {
            return Err(StartError::Client("a façade user name is at most 64 ASCII characters without blanks"));
        }
        if home_facility(user, &wish.facilities).is_none() {
            return Err(StartError::Client(
                "a façade user needs one facility, or a user name that begins with the code of one of them",
            ));
        }
    }
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let failed = |error| store_failed(config, error);
    store.adopt_mode(mode(config).name()).await.map_err(failed)?;
    let secret_hash = match &wish.facade_user {
        Some(user) => facade_secret_hash(&vault, user, &password_md5(&secret)),
        None => secret_hash(&vault, &secret),
    };
    let others = store.clients().await.map_err(failed)?;
    if others.iter().any(|other| other.secret_hash == secret_hash && other.revoked_at.is_none()) {
        store.close().await;
        return Err(StartError::Client("a façade user with this name and this password is here already"));
    }
    let id = system.new_id("key");
    let client = Client {
        id: id.clone(),
        name: wish.name,
        secret_hash,
        prefix: match &wish.facade_user {
            // A password of a façade user may be weak, so nothing of it is kept.
            Some(_) => String::new(),
            // Mode and four digits: enough to tell keys apart, nothing to guess from.
            None => secret.chars().take(12).collect(),
        },
        scopes: wish.scopes,
        facilities: wish.facilities,
        requests_per_minute: wish.requests_per_minute,
        addresses: wish.addresses,
        facade_user: wish.facade_user,
        created_at: system.now(),
        revoked_at: None,
    };
    let about = |_: &_| About { facility: client.facilities.first().copied(), ..About::object(&client.id) };
    let (deed, adding) = ((Deed::KeyAdd, about), async { store.add_client(client.clone()).await.map_err(failed) });
    let added = as_operator(config, (&vault, system), deed, adding).await;
    store.close().await;
    added?;
    Ok(NewClient { id, secret })
}

/// A password for the façade: 100 random bits in 20 letters and digits, which every system's field takes.
fn new_password(system: &System) -> String {
    /// Without those that are mistaken for each other.
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let random: [u8; 20] = system.random();
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// All clients, revoked ones too.
pub async fn clients(config: &Config, system: &System) -> Result<Vec<Client>, StartError> {
    let (_, store) = open_store(config, system, Opening::Beside).await?;
    let clients = store.clients().await;
    store.close().await;
    clients.map_err(|error| store_failed(config, error))
}

/// Revokes a client; false if there is none with this id, or it was revoked before.
pub async fn revoke_client(config: &Config, system: &System, id: &str) -> Result<bool, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let revoking = async { store.revoke_client(id, system.now()).await.map_err(|error| store_failed(config, error)) };
    let revoked = as_operator(config, (&vault, system), (Deed::KeyRevoke, |_: &_| About::object(id)), revoking).await;
    store.close().await;
    revoked
}
