//! The old family: claims as bytes in JSON, and what is told of them afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong::domain::NationalId;
use lienthong::sandbox::{Faults, Sandbox, person_of};
use serde_json::{Value, json};

use crate::client::{Reply, Session, log_in, post_form, post_json, question, sandbox};
use crate::submissions::judged;

const CLAIMS: &str = "/api/egw/guiHoSoGiamDinh4210";
const WHERE: &str = "loaiHoSo=3&maTinh=99&maCSKCB=99001";

/// A file of records with these keys, each of which cost 150,000.50 đồng.
fn file(keys: &[&str]) -> String {
    let record = |key: &&str| {
        let inner = format!("<TONG_HOP><MA_LK>{key}</MA_LK><T_TONGCHI>150000.50</T_TONGCHI></TONG_HOP>");
        let content = STANDARD.encode(inner);
        format!("<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO></HOSO>")
    };
    let records: String = keys.iter().map(record).collect();
    format!("<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO>{records}</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>")
}

async fn send(session: &Session, to: std::net::SocketAddr, path: &str, which: &str, body: &Value) -> Reply {
    post_json(to, &format!("{}&{which}", session.query(path)), &[], body).await.unwrap()
}

async fn ask(session: &Session, sandbox: &Sandbox, function: &str, which: &str) -> Value {
    send(session, sandbox.address(), &format!("/api/egw/{function}"), which, &json!(null)).await.json()
}

#[tokio::test]
async fn a_claim_comes_as_numbers_or_as_dot_net_writes_bytes() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let file = file(&["LK1"]);
    for (path, body) in [
        (CLAIMS, json!(file.as_bytes())),
        (CLAIMS, json!(STANDARD.encode(&file))),
        ("/API/EGW/guihosogiamdinh", json!(file.as_bytes())),
    ] {
        let reply = send(&session, to, path, WHERE, &body).await.json();
        assert_eq!(reply["maKetQua"], "200", "{reply}");
        assert!(reply["maGiaoDich"].as_str().unwrap().starts_with("HS4210_99001_"));
        assert_eq!(reply.as_object().unwrap().len(), 2, "{reply}");
    }
    let taken = sandbox.submissions();
    assert!(taken.iter().all(|one| one.body == file && one.service == "3" && one.facility == "99001" && one.answered));
    assert_eq!(taken[0].business_key.as_deref(), Some("LK1"));
    assert_eq!(taken.iter().map(|one| one.replaced).collect::<Vec<_>>(), [None, Some(1), Some(2)]);
}

#[tokio::test]
async fn what_is_no_claim_of_the_old_family_is_refused() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let right = json!("PGEvPg==");
    for (which, body, code) in [
        (WHERE, json!({ "fileHSBase64": "PGEvPg==" }), "205"),
        (WHERE, json!([60, 256]), "205"),
        (WHERE, json!([60, -1]), "205"),
        (WHERE, json!("***"), "205"),
        (WHERE, json!(null), "205"),
        (WHERE, json!([]), "204"),
        (WHERE, json!(""), "204"),
        ("loaiHoSo=130&maTinh=99&maCSKCB=99001", right.clone(), "205"),
        ("loaiHoSo=3&maCSKCB=99001", right.clone(), "205"),
        ("loaiHoSo=3&maTinh=99", right.clone(), "205"),
    ] {
        let reply = send(&session, to, CLAIMS, which, &body).await.json();
        assert_eq!((&reply["maKetQua"], &reply["maGiaoDich"]), (&json!(code), &json!("")), "{which} {body}");
    }
    let target = format!("{}&{WHERE}", session.query(CLAIMS));
    assert_eq!(post_form(to, &target, &[], &[("file", "PGEvPg==")]).await.unwrap().code(), "205");
    // Credentials in the headers are those of another family.
    let elsewhere = post_json(to, &format!("{CLAIMS}?{WHERE}"), &session.headers(), &right).await.unwrap();
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (200, "401"));
    assert!(sandbox.submissions().is_empty());
}

#[tokio::test]
async fn the_results_tell_what_was_recorded() {
    let sandbox = sandbox(Faults { judge_after_ms: 1, ..Faults::default() }).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let mut receipts = Vec::new();
    for text in [file(&["A", "B-REJECT-XML3"]), file(&["C"]), file(&["D-ACK-ONLY"]), "not xml".to_owned()] {
        let reply = send(&session, to, CLAIMS, WHERE, &json!(text.as_bytes())).await.json();
        receipts.push(reply["maGiaoDich"].as_str().unwrap().to_owned());
    }
    // Another facility's and another kind's are in lists of their own.
    send(&session, to, CLAIMS, "loaiHoSo=3&maTinh=99&maCSKCB=99002", &json!("PGEvPg==")).await;
    send(&session, to, CLAIMS, "loaiHoSo=5&maTinh=99&maCSKCB=99001", &json!("PGEvPg==")).await;
    for (number, state) in [(1, "rejected"), (2, "accepted"), (4, "rejected")] {
        judged(&sandbox, number, state).await;
    }

    // The day may have turned since the first was received: the lists of both days together hold them all.
    let first = lienthong::system::vietnam(sandbox.submissions()[0].received_at).date();
    let days = [first, first.tomorrow().unwrap()].map(|day| day.strftime("%d/%m/%Y").to_string());
    let which = format!("loaiHoSo=3&maCSKCB=99001&tuNgay={}&denNgay={}", days[0], days[1]);
    let told = ask(&session, &sandbox, "nhanKQTiepNhanHS4210", &which).await;
    let told = told["dsKQGuiHosoNgay"].as_array().unwrap();
    assert!(told.iter().all(|day| days.iter().any(|name| day["ngayGui"] == *name)), "{told:?}");
    let sum = |name: &str| told.iter().map(|day| day[name].as_f64().unwrap()).sum::<f64>();
    assert_eq!(["tongSo", "soHSThanhCong", "soHSLoi", "tongTien"].map(sum), [5.0, 2.0, 2.0, 300_001.0]);

    let mut files = Vec::new();
    for day in &days {
        let which = format!("loaiHoSo=3&maCSKCB=99001&ngayGui={day}");
        let told = ask(&session, &sandbox, "nhanChiTietHSNgay4210", &which).await;
        files.extend(told["dsHoSo"].as_array().unwrap().iter().cloned());
    }
    let counted: Vec<_> = files
        .iter()
        .map(|file| ["soLuongHoSo", "slHoSoDung", "slHoSoLoi"].map(|name| file[name].as_u64().unwrap()))
        .collect();
    assert_eq!(counted, [[2, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 1]]);
    assert_eq!(files[2]["mieuTa"], "File đã nhận và đang chờ xử lý");
    assert_eq!(files.iter().map(|file| file["maGiaoDich"].as_str().unwrap()).collect::<Vec<_>>(), receipts);

    for (receipt, codes) in [(0, json!(["202"])), (1, json!([])), (2, json!([])), (3, json!(["201"]))] {
        let which = format!("maCSKCB=99001&maGiaoDich={}", receipts[receipt]);
        let errors = ask(&session, &sandbox, "nhanChiTietLoiHS4210", &which).await;
        let told: Vec<_> = errors["dsLoi"].as_array().unwrap().iter().map(|error| error["maLoi"].clone()).collect();
        assert_eq!(json!(told), codes, "{errors}");
    }
    let foreign = format!("maCSKCB=99002&maGiaoDich={}", receipts[0]);
    assert_eq!(ask(&session, &sandbox, "nhanChiTietLoiHS4210", &foreign).await["dsLoi"], json!([]));
}

#[tokio::test]
async fn results_are_refused_to_wrong_questions() {
    let sandbox = sandbox(Faults::default()).await;
    for (function, which, list) in [
        ("nhanKQTiepNhanHS4210", "loaiHoSo=3&maCSKCB=99001&tuNgay=01/01/2026", "dsKQGuiHosoNgay"),
        ("nhanKQTiepNhanHS4210", "loaiHoSo=3&maCSKCB=99001&tuNgay=02/01/2026&denNgay=01/01/2026", "dsKQGuiHosoNgay"),
        ("nhanKQTiepNhanHS4210", "loaiHoSo=3&maCSKCB=99001&tuNgay=01/01/2026&denNgay=31/12/2026", "dsKQGuiHosoNgay"),
        ("nhanChiTietHSNgay4210", "maCSKCB=99001&ngayGui=01/01/2026", "dsHoSo"),
        ("nhanChiTietHSNgay4210", "loaiHoSo=3&maCSKCB=99001&ngayGui=20260101", "dsHoSo"),
        ("nhanChiTietLoiHS4210", "maCSKCB=99001", "dsLoi"),
        ("nhanHoSoKCBChiTiet", "", "hoSoKCB"),
    ] {
        let session = log_in(sandbox.address(), "99001_BV").await;
        let mut refused = json!({ "maKetQua": "205" });
        refused[list] = Value::Null;
        assert_eq!(ask(&session, &sandbox, function, which).await, refused, "{which}");
        sandbox.revoke_tokens();
        refused["maKetQua"] = json!("401");
        assert_eq!(ask(&session, &sandbox, function, which).await, refused, "{which}");
    }
}

#[tokio::test]
async fn a_visit_that_was_told_has_details() {
    let sandbox = sandbox(Faults { lskcb_accepts_json: true, ..Faults::default() }).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let mut seen = 0;
    for number in 0..40 {
        let person = person_of(&NationalId::parse(&format!("001185{number:06}")).unwrap());
        let asked = question(person.national_id.as_str(), &person.name, &person.birth_date.portal());
        let target = session.query("/api/egw/Lskcb2025");
        let visits = post_json(to, &target, &[], &asked).await.unwrap().json();
        for visit in visits["dsLichSuKCB2025"].as_array().into_iter().flatten() {
            let which = format!("maHoSo={}", visit["maHoSo"].as_str().unwrap());
            let details = ask(&session, &sandbox, "nhanHoSoKCBChiTiet", &which).await;
            let main = &details["hoSoKCB"]["xml1"];
            assert_eq!((&details["maKetQua"], &main["MaLk"]), (&json!("200"), &visit["maHoSo"]));
            assert_eq!((&main["HoTen"], &main["MaThe"]), (&json!(person.name), &json!(person.card)));
            assert_eq!((&main["NgayVao"], &main["TenBenh"]), (&visit["ngayVao"], &visit["tenBenh"]));
            assert_eq!(details["hoSoKCB"]["dsXml5"], json!([]));
            seen += 1;
        }
    }
    assert!(seen > 10);
    let unknown = ask(&session, &sandbox, "nhanHoSoKCBChiTiet", "maHoSo=1").await;
    assert_eq!(unknown, json!({ "maKetQua": "200", "hoSoKCB": null }));
}

#[tokio::test]
async fn a_facility_is_told_to_both_sorts_of_clients() {
    let sandbox = sandbox(Faults::default()).await;
    let to = sandbox.address();
    let session = log_in(to, "99001_BV").await;
    let path = "/api/egw/NhanThongTinCSKCB";
    let in_query = send(&session, to, path, "macskcb=01999", &json!({})).await.json();
    let body = json!({
        "token": session.token, "id_token": session.id_token, "username": "99001_BV", "password": session.password,
        "maCSKCB": "01999",
    });
    let in_body = post_json(to, path, &[], &body).await.unwrap().json();
    assert_eq!(in_query, in_body);
    assert_eq!((&in_body["maKetQua"], &in_body["maTinh"]), (&json!("200"), &json!("01")));
    assert!(in_body["tenCSKCB"].as_str().is_some_and(|name| !name.is_empty()), "{in_body}");
    assert_eq!(send(&session, to, path, "maCSKCB=1", &json!({})).await.code(), "205");
    assert_eq!(post_json(to, path, &[], &json!({ "maCSKCB": "01999" })).await.unwrap().code(), "401");
}
