use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::sandbox::{Faults, Sandbox};
use serde_json::{Value, json};

use crate::client::{Reply, call, get, log_in, password_md5, post_form, post_json, question, sandbox};

pub(crate) fn claims_file(facility: &str, key: &str) -> String {
    let inner = STANDARD.encode(format!("<TONG_HOP><MA_LK>{key}</MA_LK></TONG_HOP>"));
    STANDARD.encode(format!(
        "<GIAMDINHHS><THONGTINDONVI><MACSKCB>{facility}</MACSKCB></THONGTINDONVI><THONGTINHOSO><DANHSACHHOSO><HOSO>\
         <FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>{inner}</NOIDUNGFILE></FILEHOSO></HOSO></DANHSACHHOSO>\
         </THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>"
    ))
}

/// The judgement of a submission once it has the state waited for.
pub(crate) async fn judged(sandbox: &Sandbox, number: u64, state: &str) -> Value {
    for _ in 0..2_000 {
        let list = get(sandbox.address(), "/_sandbox/judgements").await.json();
        let found = list.as_array().unwrap().iter().find(|entry| entry["number"] == number).unwrap().clone();
        if found["state"] == state {
            return found;
        }
        tokio::task::yield_now().await;
    }
    panic!("submission {number} never became {state}");
}

#[tokio::test]
async fn a_second_claim_with_the_same_key_replaces_the_first() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let file = claims_file("99001", "LK1");
    let first = session.claim(to, "99001", &file).await.unwrap().json();
    let second = session.claim(to, "99001", &file).await.unwrap().json();
    assert_eq!((first["maKetQua"].as_str(), first["thongDiep"].as_str()), (Some("200"), Some("Tiếp nhận thành công")));
    let receipt = first["maGiaoDich"].as_str().unwrap();
    assert!(receipt.starts_with("HSKCB130_99001_") && receipt.len() == 15 + 32);
    assert_ne!(first["maGiaoDich"], second["maGiaoDich"]);
    assert_eq!(first["thoiGianTiepNhan"].as_str().unwrap().len(), 14);
    let taken = sandbox.submissions();
    assert_eq!((taken[0].replaced, taken[1].replaced), (None, Some(1)));
    assert_eq!(taken[0].business_key.as_deref(), Some("LK1"));
    assert!(taken.iter().all(|submission| submission.answered));
    assert_eq!(taken[0].body, STANDARD.decode(&file).unwrap());
    assert_eq!(get(to, "/_sandbox/submissions/2/body").await.body, STANDARD.decode(&file).unwrap());
    let told = get(to, "/_sandbox/submissions").await.json();
    assert_eq!(told[1]["sha256"], taken[1].sha256_hex());
    sandbox.reset();
    assert!(sandbox.submissions().is_empty());
}

#[tokio::test]
async fn claims_are_judged_after_they_were_taken() {
    let sandbox = sandbox(Faults { judge_after_ms: 1, ..Faults::default() }).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    for (facility, key) in [("99001", "A"), ("99002", "B"), ("99001", "C-REJECT-XML3"), ("99001", "D-ACK-ONLY")] {
        assert_eq!(session.claim(to, "99001", &claims_file(facility, key)).await.unwrap().code(), "200");
    }
    judged(&sandbox, 1, "accepted").await;
    let mismatch = judged(&sandbox, 2, "rejected").await;
    assert!(mismatch["errors"][0]["text"].as_str().unwrap().contains("không khớp"));
    assert_eq!(judged(&sandbox, 3, "rejected").await["errors"][0]["part"], "XML3");
    judged(&sandbox, 4, "waiting").await;
    let page = get(to, "/_sandbox").await;
    assert!(String::from_utf8(page.body).unwrap().contains("C-REJECT-XML3 XML3"));
}

#[tokio::test]
async fn check_in_and_claim_of_one_visit_do_not_replace_each_other() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    session.claim(to, "99001", &claims_file("99001", "LK1")).await.unwrap();
    let file = STANDARD.encode("<CHI_TIEU_TRANG_THAI_KCB><MA_LK>LK1</MA_LK></CHI_TIEU_TRANG_THAI_KCB>");
    let body = json!({
        "username": "99001_BV", "loaiHoSo": 0, "maTinh": "99", "maCSKCB": "99001", "fileHSBase64": file,
    });
    let reply = post_json(to, "/api/qd130/checkInKcbQd3176", &session.headers(), &body).await.unwrap();
    assert_eq!(reply.code(), "200");
    assert_eq!(sandbox.submissions()[1].replaced, None);
    assert_eq!(session.claim(to, "99001", "***").await.unwrap().code(), "205");
    assert_eq!(session.claim(to, "99001", "").await.unwrap().code(), "205");
    assert_eq!(sandbox.submissions().len(), 2);
}

#[tokio::test]
async fn a_certificate_sent_twice_is_two_certificates() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    // The root of a death notice under the number of birth certificates: accepted, as at the real portal.
    let file = STANDARD.encode("<HSDLGBT/>");
    for field in ["fileBase64Str", "fileHsBase64"] {
        let reply = session.certificate(to, field, &file).await.unwrap().json();
        assert_eq!(reply["MaKetQua"], "200");
        let receipt = reply["MaGD"].as_str().unwrap();
        assert!(receipt.starts_with("HS_CHUNGTU99001_") && receipt.len() == 52, "{receipt}");
    }
    let taken = sandbox.submissions();
    assert!(taken.len() == 2 && taken[1].replaced.is_none() && taken[1].sha256 == taken[0].sha256);
    assert_eq!(session.certificate(to, "fileBase64Str", "*").await.unwrap().code(), "205");
    let large = STANDARD.encode(vec![b'x'; (20 << 20) + 1]);
    assert_eq!(session.certificate(to, "fileBase64Str", &large).await.unwrap().code(), "1001");
}

#[tokio::test]
async fn driver_certificates_are_added_once_and_edited_after() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let password = password_md5().to_lowercase();
    let send = async |state: &str, class: &str, password: &str| -> Value {
        let body = json!({
            "SO": "00001/GKSKLX/99001/26", "HOTEN": "TRẦN VĂN A", "GIOITINHVAL": "0", "NGAYSINH": "05/03/1994",
            "DIACHITHUONGTRU": "Hà Nội", "MATINH_THUONGTRU": "01", "MAHUYEN_THUONGTRU": "", "MAXA_THUONGTRU": "00004",
            "SOCMND_PASSPORT": "001094012345", "NGAYTHANGNAMCAPCMND": "01/02/2022", "NOICAP": "Bộ Công an",
            "IDBENHVIEN": "99001", "BENHVIEN": "Phòng khám X", "NONGDOCON": "0", "DVINONGDOCON": "0", "MATUY": "0",
            "NGAYKETLUAN": "06/10/2026", "BACSYKETLUAN": "LÊ THỊ C", "KETLUAN": "A0-1", "HANGBANGLAI": class,
            "STATE": state, "SIGNDATA": "test",
        });
        let headers = [("Username", "99001_HSSK"), ("Password", password)];
        post_json(to, "/api/hssk/gksk", &headers, &body).await.unwrap().json()
    };
    assert_eq!(send("EDIT", "B", &password).await["MSG_STATE"], "0");
    let added = send("ADD", "B", &password).await;
    assert_eq!((added["MSG_STATE"].as_str(), added["UUID"].as_str().unwrap().len()), (Some("1"), 36));
    assert_eq!(send("ADD", "B", &password).await["MSG_STATE"], "0");
    assert_eq!(send("ADD", "C", &password).await["MSG_STATE"], "1");
    assert_eq!(send("EDIT", "B", &password).await["MSG_STATE"], "1");
    assert_eq!(send("ADD", "D", "wrong").await["MSG_STATE"], "0");
    let replaced: Vec<_> = sandbox.submissions().iter().map(|taken| taken.replaced).collect();
    assert_eq!(replaced, [None, None, Some(1)]);
}

#[tokio::test]
async fn every_family_refuses_the_credentials_of_the_others() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let asked = question("000080000000", "A", "1980");
    let file = claims_file("99001", "LK1");
    let fields = [
        ("username", "99001_BV"),
        ("token", &session.token),
        ("id_token", &session.id_token),
        ("password", &session.password),
        ("loaiHoSo", "130"),
        ("loaiHs", "61"),
        ("maTinh", "99"),
        ("maCSKCB", "99001"),
        ("maCskcb", "99001"),
        ("fileHSBase64", &file),
        ("fileBase64Str", &file),
    ];
    // Headers at egw; query and body at qd130; query and headers at PL02; query at MCCT; a session at hssk.
    let egw = post_json(to, "/api/egw/KQNhanLichSuKCB2024", &session.headers(), &asked).await.unwrap();
    let claim = post_form(to, &session.query("/api/qd130/guiHoSoXmlQD3176"), &[], &fields).await.unwrap();
    let mut elsewhere = fields.to_vec();
    elsewhere.retain(|(name, _)| *name != "token");
    let target = session.query("/api/hososuckhoe/guiGiayToDienTu");
    let certificate = post_form(to, &target, &session.headers(), &elsewhere).await.unwrap();
    for (reply, name) in [(egw, "maKetQua"), (claim, "maKetQua"), (certificate, "MaKetQua")] {
        assert_eq!((reply.status, reply.json()[name].as_str()), (200, Some("401")));
    }
    let co_payments = post_json(to, &session.query("/api/TraCuuCCT/TraCuuTienMCCT"), &[], &asked).await.unwrap();
    assert_eq!((co_payments.status, co_payments.body.len()), (401, 0));
    let driver = post_json(to, &session.query("/api/hssk/gksk"), &session.headers(), &json!({})).await.unwrap();
    assert_eq!(driver.json()["MSG_STATE"], "0");
    assert!(sandbox.submissions().is_empty() && sandbox.questions().is_empty());
}

#[tokio::test]
async fn an_ended_session_shows_in_the_shape_of_each_family() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let asked = question("000080000000", "A", "1980");
    assert_eq!(session.look_up(to, &asked).await.unwrap().code(), "000");
    assert_eq!(call(to, "POST", "/_sandbox/revoke-tokens", &[], "").await.unwrap().status, 204);
    let refused = |reply: Reply| (reply.status, reply.code());
    let wanted = (200, "401".to_owned());
    assert_eq!(refused(session.look_up(to, &asked).await.unwrap()), wanted);
    assert_eq!(refused(session.claim(to, "99001", &claims_file("99001", "A")).await.unwrap()), wanted);
    assert_eq!(refused(session.certificate(to, "fileBase64Str", "PGEvPg==").await.unwrap()), wanted);
    let co_payments = session.co_payments(to, &asked).await;
    assert_eq!((co_payments.status, co_payments.body.len()), (401, 0));
}
