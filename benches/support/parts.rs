//! What the steps of a cached lookup cost by themselves, called in this process: where the time of a request goes.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use lienthong::domain::FacilityCode;
use lienthong::http::fields::Fields;
use lienthong::lookup::budget::Lane;
use lienthong::lookup::cache::{Cache, Config, Kept};
use lienthong::lookup::verdict;
use lienthong::portal::Service;
use lienthong::portal::reply::read_card;
use lienthong::store::Vault;
use lienthong::system::{System, vietnam};
use lienthong::telemetry::Metrics;
use serde_json::{Value, json};

use super::figures::{Figures, median};
use super::load::{Target, Wanted};
use super::stand::{Stand, people};

/// Times the steps one by one.
pub(crate) async fn tell(target: &Target, stand: &Stand, quick: bool, figures: &mut Figures) {
    figures.section("the steps of a cached lookup by themselves (medians, no network, no lock held by others)");
    let times = if quick { 100 } else { 20_000 };
    let mut step = |name: &str, work: &mut dyn FnMut()| {
        // Five short runs rather than a long one: one of them at least is not interrupted.
        let run = |work: &mut dyn FnMut()| {
            let begun = Instant::now();
            (0..times).for_each(|_| work());
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
        };
        let us = median((0..5).map(|_| run(work)).collect());
        figures.tell(&format!("step, {name}"), us, "us");
    };

    let Some(person) = people().next() else { return };
    let question = json!({
        "maThe": person.national_id.as_str(),
        "hoTen": person.name.as_str(),
        "ngaySinh": person.birth_date.portal(),
    });
    let body = Bytes::from(question.to_string());
    let mut wire = target.connect().await;
    let answer = wire.exchange(&target.question(&person)).await;
    assert!(answer.is(Wanted::Card), "a known person is known");
    let shown: Value = serde_json::from_slice(answer.body).expect("answers are JSON");
    let raw = portal_answer(&shown);

    let system = System::real();
    let vault = Vault::open(&stand.folder.path().join("bench.keys"), &stand.folder.path().join("none"), &system)
        .expect("a vault can be made");
    let facility = FacilityCode::parse("01999").expect("it is a code");
    step("read the question's fields", &mut || {
        let mut fields = Fields::read(&body).ok();
        black_box(fields.as_mut().map(|fields| (fields.text("maThe"), fields.text("hoTen"), fields.text("ngaySinh"))));
    });
    step("hash of the key, or of the question (two a request)", &mut || {
        black_box(vault.keyed_hash("question", &[b"a", b"01999", b"001185012345", b"NGUYEN THI B", b"1985-05-12"]));
    });
    step("a new id (two a request)", &mut || {
        black_box(system.new_id("req"));
    });
    step("random bytes of an id", &mut || {
        black_box(system.random::<16>());
    });
    step("read the portal's answer", &mut || {
        black_box(read_card(&raw).is_ok());
    });
    let read = read_card(&raw).expect("the portal's answer can be read");
    let visit = vietnam(system.now()).date();
    let circumstances = verdict::Circumstances::on(visit, &facility);
    step("draw the verdict", &mut || {
        black_box(verdict::draw(&read, &circumstances));
    });
    step("copy the answer's JSON tree (about what building it costs)", &mut || {
        black_box(shown.clone());
    });
    step("write the answer's JSON tree", &mut || {
        black_box(serde_json::to_vec(&shown).is_ok());
    });
    let metrics = Metrics::new();
    step("count a request (three of its four counters)", &mut || {
        metrics.lookup.cached();
        metrics.lookup.verdict("valid");
        metrics.http.answered("/v1/card-lookups", 200, std::time::Duration::from_micros(50));
    });
    let cache = Cache::new(Config::default());
    let now = system.now();
    let fresh_until = cache.fresh_until(Service::CardLookup, "000", now, Lane::Interactive).unwrap_or(now);
    let kept = Kept { code: "000".into(), raw: raw.clone(), answered_at: now, fresh_until, changed: None };
    cache.joined([1; 32], async { Ok::<_, ()>(kept) }).await.expect("it is kept");
    let begun = Instant::now();
    for _ in 0..times {
        black_box(cache.fresh(&[1; 32], now).await);
    }
    figures.tell("step, find it in the cache", begun.elapsed().as_secs_f64() * 1e6 / f64::from(times), "us");
}

/// An answer of the portal with the facts of one of ours: the gateway keeps it, but shows it to nobody.
fn portal_answer(shown: &Value) -> Bytes {
    let card = &shown["the"];
    let answer = json!({
        "maKetQua": "000", "ghiChu": shown["ketLuan"]["ghiChu"], "maThe": card["maThe"], "hoTen": card["hoTen"],
        "ngaySinh": card["ngaySinh"], "gioiTinh": card["gioiTinh"], "diaChi": card["diaChi"], "maDKBD": card["maDKBD"],
        "cqBHXH": card["cqBHXH"], "gtTheTu": card["gtTheTu"], "gtTheDen": card["gtTheDen"], "maKV": card["maKV"],
        "ngayDu5Nam": card["ngayDu5Nam"], "maSoBHXH": card["maSoBHXH"], "maTheCu": "", "maTheMoi": null,
        "gtTheTuMoi": null, "gtTheDenMoi": null, "maDKBDMoi": null, "tenDKBDMoi": null,
        "dsLichSuKCB2018": [], "dsLichSuKT2018": [],
    });
    Bytes::from(answer.to_string())
}
