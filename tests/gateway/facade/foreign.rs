//! No function reaches a facility that the user does not own: a table over all of them, so that a new one cannot be
//! forgotten.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::facade::dialect::Dialect;
use lienthong::facade::function::{Does, FUNCTIONS};
use serde_json::json;

use super::client::{FORM, His, JSON, asked, code, form};
use super::submissions::{send, send_paper};
use crate::samples;
use crate::support::{Options, Reply, TestGateway, valid_person};

/// The user's facility is 01999; the portal knows 79999 as well, and the gateway has its account.
const FOREIGN: &str = "79999";

const PASS_THROUGH: &str = "pass_through = [\"/api/egw/guiHoSoGiamDinh4210\", \"/api/egw/guiHoSoGiamDinh\", \
     \"/api/egw/nhanKQTiepNhanHS4210\", \"/api/egw/nhanChiTietHSNgay4210\", \"/api/egw/nhanChiTietLoiHS4210\", \
     \"/api/egw/nhanHoSoKCBChiTiet\", \"/api/egw/NhanThongTinCSKCB\", \"/api/DanhMucGW/GuiDanhMuc05_DVKT\"]";

/// A document of the foreign facility.
fn document(dialect: Dialect, path: &str) -> (&'static str, String) {
    match dialect {
        Dialect::Certificate if path.ends_with("guiGiayToDienTu") => ("61", samples::BIRTH.to_owned()),
        Dialect::Certificate => ("39", samples::VOUCHER.replace("01999", FOREIGN)),
        _ if path.contains("checkIn") => ("0", samples::CHECKIN.replace("01999", FOREIGN)),
        _ if path.contains("Gdyk") => ("12", samples::MEDICAL_ASSESSMENT.to_owned()),
        _ => ("130", samples::claim_for(FOREIGN, "FOREIGN", "")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_reaches_a_foreign_facility() {
    let options = Options { facade: PASS_THROUGH, ..Options::default() };
    let gateway = TestGateway::with(options).await;
    let his = His::signed_in(&gateway, "01999_BV", &["01999"]).await;
    // A session of one's own, with the name of the other's account.
    let impostor = His { user: "79999_BV".to_owned(), ..his.clone() };
    let question = asked(&valid_person(0));
    for function in FUNCTIONS {
        let (path, dialect) = (function.path, function.dialect);
        let mut replies: Vec<Reply> = Vec::new();
        match function.does {
            Does::SignIn => {
                let fields = [("username", "79999_BV"), ("password", his.password.as_str())];
                replies.push(his.post(path, &[], &form(&fields), FORM).await);
                let fields = [("username", "01999_BV"), ("password", his.password.as_str()), ("maCSKCB", FOREIGN)];
                replies.push(his.post(path, &[], &form(&fields), FORM).await);
            }
            Does::Ask(_) | Does::AskAsBefore if dialect == Dialect::Copay => {
                replies.push(impostor.mcct(&question).await)
            }
            Does::Ask(_) | Does::AskAsBefore => replies.push(impostor.egw(path, &question).await),
            Does::Submit(_) if dialect == Dialect::DriverExam => {
                replies.push(his.gksk(samples::DRIVER_EXAM_JSON).await);
                replies.push(impostor.gksk(samples::DRIVER_EXAM_JSON).await);
            }
            Does::Submit(_) if dialect == Dialect::Certificate => {
                let (number, xml) = document(dialect, path);
                for his in [&his, &impostor] {
                    replies.push(send_paper(his, path, number, FOREIGN, &xml).await);
                    replies.push(send_paper(his, path, number, "01999", &xml).await);
                }
            }
            Does::Submit(_) => {
                let (number, xml) = document(dialect, path);
                replies.push(send(&his, path, number, FOREIGN, &xml).await);
                replies.push(send(&impostor, path, number, FOREIGN, &xml).await);
                // The medical assessment names no facility inside, so there is nothing foreign in it.
                if number != "12" {
                    replies.push(send(&his, path, number, "01999", &xml).await);
                    replies.push(send(&impostor, path, number, "01999", &xml).await);
                }
            }
            Does::PassThrough => replies.extend(handed_through(&his, &impostor, path).await),
        }
        assert!(!replies.is_empty(), "{path} is not tried");
        for (number, reply) in replies.into_iter().enumerate() {
            let told = format!("{path} ({number}): {}", String::from_utf8_lossy(&reply.body));
            assert!(!matches!(code(&reply).as_str(), "000" | "200" | "1"), "{told}");
            assert!(!reply.header("gateway-problem").is_empty(), "{told}");
            assert_ne!(reply.header("gateway-source"), "portal", "{told}");
        }
    }
    assert!(gateway.sandbox.questions().is_empty() && gateway.sandbox.submissions().is_empty());
    assert_eq!(gateway.sandbox.logins(), 0, "nothing at all left for the portal");
}

/// The foreign facility everywhere a call of the old family can name one.
async fn handed_through(his: &His, impostor: &His, path: &str) -> Vec<Reply> {
    let file = samples::claim_for(FOREIGN, "FOREIGN", "");
    let numbers: Vec<u8> = file.bytes().collect();
    let mut replies = vec![
        his.egw(&format!("{path}?maCSKCB={FOREIGN}"), &json!({})).await,
        his.egw(&format!("{path}?maCSKCB=01999&MACSKCB={FOREIGN}"), &json!({})).await,
        his.egw(&format!("{path}?loaiHoSo=3&maCSKCB=01999"), &json!({"a": {"maCskcb": FOREIGN}})).await,
        his.egw(&format!("{path}?loaiHoSo=3&maCSKCB=01999"), &json!(numbers)).await,
        his.egw(&format!("{path}?loaiHoSo=3&maCSKCB=01999"), &json!(STANDARD.encode(&file))).await,
        his.egw_form(path, &[("maCSKCB", FOREIGN)]).await,
        his.egw_form(path, &[("file", &STANDARD.encode(&file))]).await,
        impostor.egw(path, &json!({})).await,
    ];
    let multipart =
        format!("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n{file}\r\n--x--\r\n");
    replies.push(his.post(&his.with_query(path), &[], &multipart, "multipart/form-data; boundary=x").await);
    replies.push(his.post(&his.with_query(path), &[], &file, "application/octet-stream").await);
    // A type that only begins like a form's, JSON under another name, and other words for the same bytes.
    for (body, kind) in [
        (format!("maCSKCB={FOREIGN}"), "application/x-www-form-urlencodedx"),
        (json!({"maCSKCB": FOREIGN}).to_string(), "application/vnd.x+json"),
        ("{\"x\":\"y\"}".to_owned(), "application/json; charset=utf-7"),
        ("x=y".to_owned(), "application/x-www-form-urlencoded; Charset=\"IBM037\""),
    ] {
        replies.push(his.post(&his.with_query(path), &[], &body, kind).await);
    }
    replies.push(his.egw(&format!("{path}?maCSKCB=01999&maGiaoDich=HSKCB130_{FOREIGN}_0"), &json!({})).await);
    // What nobody can look into could hold anything.
    let packed = json!(STANDARD.encode(b"PK\x03\x04 and so on and so forth"));
    replies.push(his.post(&his.with_query(path), &[], &packed.to_string(), JSON).await);
    replies
}
