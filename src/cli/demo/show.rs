//! One lookup and one claim through the gateway that just started, and what to try next.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::folder::{CLAIM, Folder};
use super::{FacadeUser, Places};
use crate::cli::Exit;
use crate::cli::client::{Ask, Client, Trust};
use crate::cli::connection::{array, ask, text};
use crate::cli::output::Output;
use crate::clients::password_md5;
use crate::config::Secret;
use crate::domain::Bilingual;

/// The facility that asks and submits: the one the sample names.
const FACILITY: &str = "01999";

/// How long the claim may take to its receipt; the sandbox answers at once.
const RECEIPT_WITHIN: Duration = Duration::from_secs(20);

/// Does both, and tells of them unless JSON was asked for.
pub(super) async fn show(
    places: &Places,
    folder: &Folder,
    key: &str,
    user: &FacadeUser,
    out: &Output,
) -> Result<(), Exit> {
    let ca = folder.file("ca.pem");
    let trust = Trust { authorities: Some(&ca), identity: None };
    let client = Client::new(&places.api, &Secret::new(key.to_owned()), trust, out.language())
        .map_err(|message| out.failure(Exit::Failed, "demo.failed", &message))?;

    let started = Instant::now();
    let lookup = Ask::post_json("/v1/card-lookups", &question("000080000000")).header("facility-id", Some(FACILITY));
    let answer = ask(&client, lookup, out).await?.json();
    let lookup_took = started.elapsed();

    let started = Instant::now();
    let submission = Ask::post("/v1/documents?type=claim", "application/xml", CLAIM)
        .header("facility-id", Some(FACILITY))
        .header("prefer", Some("wait=20"));
    let mut document = ask(&client, submission, out).await?.json();
    while receipt(&document).is_empty() {
        if started.elapsed() > RECEIPT_WITHIN {
            let message = Bilingual::fixed("hồ sơ chưa có biên nhận sau 20 s", "no receipt for the claim after 20 s");
            return Err(out.failure(Exit::Failed, "demo.no_receipt", &message));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        document = ask(&client, Ask::get(format!("/v1/documents/{}", text(&document, "id"))), out).await?.json();
    }
    if !out.wants_json() {
        tell(places, folder, user, (&answer, lookup_took), (&document, started.elapsed()), out);
    }
    Ok(())
}

/// The tester of the sandbox: the last three digits are the code the portal answers with.
fn question(number: &str) -> Value {
    json!({ "maThe": number, "hoTen": "Nguyễn Văn Thử", "ngaySinh": "01/01/1980" })
}

fn receipt(document: &Value) -> String {
    array(document, "deliveries").first().map(|delivery| text(delivery, "maGiaoDich")).unwrap_or_default()
}

fn tell(
    places: &Places,
    folder: &Folder,
    user: &FacadeUser,
    lookup: (&Value, Duration),
    claim: (&Value, Duration),
    out: &Output,
) {
    let Places { api, admin, facade, portal } = places;
    out.line(out.wording("lienthong đang chạy thử:", "lienthong is up for trial:"));
    out.line(&format!("  API              {api}"));
    out.line(&format!("  {}{admin}/readyz", out.wording("quản trị         ", "admin            ")));
    out.line(&format!("  {}{facade}", out.wording("cổng tương thích ", "façade           ")));
    out.line(&format!("  {}{portal}", out.wording("cổng giả lập     ", "simulated portal ")));
    out.line(&format!("  {}{}", out.wording("thư mục          ", "folder           "), folder.path().display()));

    let (answer, took) = lookup;
    let verdict = answer.get("ketLuan").unwrap_or(&Value::Null);
    out.line("");
    out.line(&format!(
        "1. {} 000080000000 → {} [{}] · {} ms",
        out.wording("Tra cứu thẻ", "Card lookup"),
        text(verdict, "nhan"),
        text(verdict, "maKetQua"),
        took.as_millis()
    ));
    let (document, took) = claim;
    out.line(&format!(
        "2. {} {} → {} · {} {} · {} ms",
        out.wording("Gửi hồ sơ", "Claim"),
        text(document, "id"),
        text(document, "status"),
        out.wording("biên nhận", "receipt"),
        receipt(document),
        took.as_millis()
    ));

    let curl = format!("curl --cacert {} -H {}", quoted(&folder.file("ca.pem")), at(&folder.file("api.header")));
    let question = question("000080000004");
    let json = "-H 'Content-Type: application/json'";
    let xml = "-H 'Content-Type: application/xml' -H 'Prefer: wait=10'";
    out.line("");
    out.line(out.wording(
        "Thử tiếp (thẻ mới cấp sớm; gửi lại hồ sơ cũ, không bị gửi đôi; danh sách):",
        "Try next (a card renewed early; the same claim again, not sent twice; the list):",
    ));
    out.line(&format!("  {curl} {json} -H 'Facility-Id: {FACILITY}' -d '{question}' {api}/v1/card-lookups"));
    out.line(&format!("  {curl} {xml} --data-binary {} {api}/v1/documents", at(&folder.file("claim.xml"))));
    out.line(&format!("  {curl} {api}/v1/documents"));
    out.line("");
    out.line(out.wording(
        "Như một HIS viết cho cổng BHXH, chỉ đổi địa chỉ gốc, tài khoản và mật khẩu (docs/FACADE.md):",
        "As a system written for the portal, with another base URL, user and password (docs/FACADE.md):",
    ));
    let (name, password) = (user.name, &user.password);
    let md5 = password_md5(password);
    out.line(&format!("  {name} · {password} · MD5 {md5}"));
    out.line(&format!("  curl -d username={name} -d password={md5} {facade}/api/token/take"));
    out.line("");
    out.line(out.wording("Ctrl-C để dừng.", "Ctrl-C to stop."));
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// The content of a file, as curl writes it, as one word of a shell.
fn at(path: &Path) -> String {
    quoted(path).replacen('\'', "'@", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/c'd")), r"'/a b/c'\''d'");
        assert_eq!(at(Path::new("/a b")), "'@/a b'");
    }
}
