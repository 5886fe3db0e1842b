//! Legal holds, and forgetting at once: orders about documents named by id or by business key.

use serde_json::{Value, json};

use super::id;
use crate::cli::Exit;
use crate::cli::client::{Ask, Client};
use crate::cli::connection::{Connection, array, ask, text};
use crate::cli::output::Output;

/// Which documents, and why.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Named {
    #[command(flatten)]
    connection: Connection,
    /// Their ids, doc_….
    #[arg(required_unless_present = "key", value_name = "ID", value_parser = id)]
    ids: Vec<String>,
    /// All documents of this business key (MA_LK, MA_GCS, …).
    #[arg(long, value_name = "KEY", conflicts_with = "ids")]
    key: Option<String>,
    /// Why; it stays on record.
    #[arg(long)]
    reason: String,
    /// With --key: only tell which documents there are.
    #[arg(long, requires = "key")]
    dry_run: bool,
}

impl Named {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Carries out `action` on each of them; what could not be done is told and does not stop the rest.
pub(super) async fn order(named: &Named, action: &str, client: &Client, out: &Output) -> Result<Exit, Exit> {
    let ids = match &named.key {
        Some(key) => of_key(key, client, out).await?,
        None => named.ids.clone(),
    };
    let mut worst = Exit::Done;
    for id in ids {
        let request = match named.dry_run {
            true => Ask::get(format!("/v1/documents/{id}")),
            false => Ask::post_json(format!("/v1/documents/{id}/{action}"), &json!({ "lyDo": named.reason })),
        };
        match ask(client, request, out).await {
            Ok(reply) => tell(&reply.json(), out),
            Err(exit) => worst = worst.max(exit),
        }
    }
    Ok(worst)
}

/// One line a document: where it stands, whether its content is there, whether it is held.
fn tell(document: &Value, out: &Output) {
    if out.wants_json() {
        out.json(document);
        return;
    }
    let forgotten = text(document, "forgottenAt");
    let held = document.get("legalHold").map(|hold| text(hold, "since")).unwrap_or_default();
    let mut line = format!("{}  {}", text(document, "id"), text(document, "status"));
    if !forgotten.is_empty() {
        line += &format!(" · {} {forgotten}", out.wording("nội dung đã xóa", "content forgotten"));
    }
    if !held.is_empty() {
        line += &format!(" · {} {held}", out.wording("giữ theo yêu cầu pháp lý từ", "on a legal hold since"));
    }
    out.line(&line);
}

/// Every document of a business key, page by page.
async fn of_key(key: &str, client: &Client, out: &Output) -> Result<Vec<String>, Exit> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("key", key).append_pair("limit", "500");
        if !cursor.is_empty() {
            query.append_pair("cursor", &cursor);
        }
        let page = ask(client, Ask::get(format!("/v1/documents?{}", query.finish())), out).await?.json();
        ids.extend(array(&page, "data").iter().map(|document| text(document, "id")));
        let next = page.get("page").map(|page| text(page, "next")).unwrap_or_default();
        if next.is_empty() || next == cursor {
            return Ok(ids);
        }
        cursor = next;
    }
}
