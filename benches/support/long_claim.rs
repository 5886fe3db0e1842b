//! A claim of many days: outpatient treatment of a bad back, with the rows of the sample filled from a small catalogue.
//!
//! Every day has its procedures, a supply, drugs and a note, some days tests with their results; numbers run on, times
//! lie within the visit and the amounts of XML1 are the sums of the rows, so that the claim is right under
//! `schemas/rules.csv` as far as one can know without a facility's own catalogues.

mod catalogue;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::ToSpan;
use jiff::civil::{Date, date};

use self::catalogue::{DRUGS, Drug, NOTES, PROCEDURES, STAFF, Service, TESTS};

/// The sample's rows are the pattern of XML1 to XML3.
const SAMPLE: &str = "schemas/claim/sample.xml";
/// The day the visit ends, as in the sample. Everything of a day happens between these times of it.
const LAST_DAY: Date = date(2026, 3, 16);
const OPENS: i64 = 8 * 60 + 10;
const MINUTES: i64 = 150;
const DRUGS_A_DAY: usize = 3;
const PROCEDURES_A_DAY: usize = 4;
/// Days between tests.
const TESTS_EVERY: usize = 6;

const XML4_FIELDS: [&str; 12] = [
    "MA_LK",
    "STT",
    "MA_DICH_VU",
    "MA_CHI_SO",
    "TEN_CHI_SO",
    "GIA_TRI",
    "DON_VI_DO",
    "MO_TA",
    "KET_LUAN",
    "NGAY_KQ",
    "MA_BS_DOC_KQ",
    "DU_PHONG",
];
const XML5_FIELDS: [&str; 9] = [
    "MA_LK",
    "STT",
    "DIEN_BIEN_LS",
    "GIAI_DOAN_BENH",
    "HOI_CHAN",
    "PHAU_THUAT",
    "THOI_DIEM_DBLS",
    "NGUOI_THUC_HIEN",
    "DU_PHONG",
];

/// Makes such claims from the sample's rows.
pub(crate) struct LongClaims {
    summary: Row,
    drug: Row,
    service: Row,
}

/// The parts of one record, as text.
pub(crate) type Parts = Vec<(&'static str, String)>;

/// The fields of one row, in their order.
#[derive(Clone)]
struct Row(Vec<(String, String)>);

/// What the rows come to, in hundredths of a đồng.
#[derive(Default)]
struct Sums {
    drugs: i64,
    supplies: i64,
    billed: i64,
    insured: i64,
    own: i64,
    shared: i64,
    paid: i64,
}

/// One record as it grows.
struct Record<'c> {
    claims: &'c LongClaims,
    key: String,
    drugs: Vec<Row>,
    services: Vec<Row>,
    results: Vec<Row>,
    notes: Vec<Row>,
    sums: Sums,
}

impl LongClaims {
    /// Reads the pattern.
    pub(crate) fn from_sample() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
        let sample = std::fs::read_to_string(path).expect("the sample can be read");
        let row = |n: usize, element: &str| {
            let content = sample.split("<NOIDUNGFILE>").nth(n).and_then(|rest| rest.split('<').next());
            let decoded = STANDARD.decode(content.unwrap_or_default()).expect("the sample's parts are base64");
            Row::read(&String::from_utf8(decoded).expect("and text"), element)
        };
        Self { summary: row(1, "TONG_HOP"), drug: row(2, "CHI_TIET_THUOC"), service: row(3, "CHI_TIET_DVKT") }
    }

    /// A package of `records` records of so many days each.
    pub(crate) fn package(&self, records: u32, days: usize) -> Vec<u8> {
        let mut text = format!(
            "<?xml version='1.0' encoding='utf-8'?>\n\
             <GIAMDINHHS xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n\
             \x20 <THONGTINDONVI>\n    <MACSKCB>01999</MACSKCB>\n  </THONGTINDONVI>\n\
             \x20 <THONGTINHOSO>\n    <NGAYLAP>20260316</NGAYLAP>\n    <SOLUONGHOSO>{records}</SOLUONGHOSO>\n    \
             <DANHSACHHOSO>\n"
        );
        for serial in 1..=records {
            text.push_str("      <HOSO>\n");
            for (name, part) in self.record(serial, days) {
                text.push_str("        <FILEHOSO>\n          <LOAIHOSO>");
                text.push_str(name);
                text.push_str("</LOAIHOSO>\n          <NOIDUNGFILE>");
                STANDARD.encode_string(part, &mut text);
                text.push_str("</NOIDUNGFILE>\n        </FILEHOSO>\n");
            }
            text.push_str("      </HOSO>\n");
        }
        text.push_str("    </DANHSACHHOSO>\n  </THONGTINHOSO>\n  <CHUKYDONVI/>\n</GIAMDINHHS>\n");
        text.into_bytes()
    }

    /// The parts of one record.
    pub(crate) fn record(&self, serial: u32, days: usize) -> Parts {
        let mut record = Record {
            claims: self,
            key: format!("HS26031{serial:05}"),
            drugs: Vec::new(),
            services: Vec::new(),
            results: Vec::new(),
            notes: Vec::new(),
            sums: Sums::default(),
        };
        for day in 0..days {
            record.day(day, days);
        }
        record.finish(serial, days)
    }
}

impl Record<'_> {
    fn day(&mut self, day: usize, days: usize) {
        let at = |minute: i64| time(day_of(day, days), minute);
        if day == 0 {
            let visit = Service {
                code: "02.1897",
                group: "13",
                name: "Khám Nội",
                price: 50_600_000,
                insured: 50_600_000,
                machine: "",
            };
            self.service(&visit, [at(5), at(5), at(20)], day);
        }
        if day.is_multiple_of(TESTS_EVERY) {
            for (n, (test, _)) in (0_i64..).zip(TESTS) {
                self.service(test, [at(25), at(30 + n), at(70 + 5 * n)], day);
            }
            self.results(day, &at(90));
        }
        for n in 0..PROCEDURES_A_DAY {
            let procedure = cycled(PROCEDURES, day * 3 + n);
            let minute = 25 + 20 * n as i64;
            self.service(procedure, [at(25), at(minute + 5), at(minute + 25)], day + n);
        }
        self.supply(cycled(PROCEDURES, day * 3), [at(25), at(30), at(50)], day);
        for n in 0..DRUGS_A_DAY {
            self.drug(cycled(DRUGS, day * 3 + n), [at(22), at(110 + n as i64)], day);
        }
        self.note(day, at(21));
    }

    fn drug(&mut self, drug: &Drug, [ordered, given]: [String; 2], day: usize) {
        let mut row = self.claims.drug.clone();
        let number = self.drugs.len() + 1;
        let billed = drug.quantity * drug.price / 10;
        let insured = billed * drug.rate / 100;
        let paid = insured * 80 / 100;
        self.sums.drugs += billed;
        self.sums.add(billed, insured, paid);
        row.set_all(&[
            ("MA_LK", &self.key),
            ("STT", &number.to_string()),
            ("MA_THUOC", drug.code),
            ("TEN_THUOC", drug.name),
            ("DON_VI_TINH", drug.unit),
            ("HAM_LUONG", drug.strength),
            ("DUONG_DUNG", drug.route),
            ("DANG_BAO_CHE", drug.form),
            ("LIEU_DUNG", drug.dose),
            ("CACH_DUNG", drug.directions),
            ("SO_DANG_KY", drug.registration),
            ("TT_THAU", drug.tender),
            ("TYLE_TT_BH", &drug.rate.to_string()),
            ("SO_LUONG", &drug.quantity.to_string()),
            ("DON_GIA", &decimal(drug.price, 3)),
            ("MA_BAC_SI", *cycled(STAFF, day % 3)),
            ("NGAY_YL", &ordered),
            ("NGAY_TH_YL", if drug.given { &given } else { "" }),
        ]);
        row.set_amounts(billed, insured, paid);
        self.drugs.push(row);
    }

    fn service(&mut self, service: &Service, [ordered, begun, ended]: [String; 3], day: usize) {
        let mut row = self.claims.service.clone();
        let (billed, insured) = (service.price / 10, service.insured / 10);
        let paid = insured * 80 / 100;
        self.sums.add(billed, insured, paid);
        row.set_all(&[
            ("MA_LK", &self.key),
            ("STT", &(self.services.len() + 1).to_string()),
            ("MA_DICH_VU", service.code),
            ("MA_NHOM", service.group),
            ("TEN_DICH_VU", service.name),
            ("DON_GIA_BV", &decimal(service.price, 3)),
            ("DON_GIA_BH", &decimal(service.insured, 3)),
            ("MA_BAC_SI", *cycled(STAFF, day % 3)),
            ("NGUOI_THUC_HIEN", *cycled(STAFF, day + 1)),
            ("MA_BENH", if service.group == "18" { "M54.5" } else { "" }),
            ("NGAY_YL", &ordered),
            ("NGAY_TH_YL", &begun),
            ("NGAY_KQ", &ended),
            ("MA_MAY", service.machine),
        ]);
        row.set_amounts(billed, insured, paid);
        self.services.push(row);
    }

    /// Needles for the day's first procedure.
    fn supply(&mut self, used_in: &Service, times: [String; 3], day: usize) {
        let needles =
            Service { code: used_in.code, group: "10", name: "", price: 3_500_000, insured: 3_500_000, machine: "" };
        self.service(&needles, times, day);
        self.sums.supplies += needles.price / 10;
        if let Some(row) = self.services.last_mut() {
            row.set_all(&[
                ("MA_VAT_TU", "N03.02.070.0001.000.00001"),
                ("TEN_VAT_TU", "Kim châm cứu vô khuẩn mẫu 0,30 x 25 mm, bộ 10 kim"),
                ("DON_VI_TINH", "Bộ"),
                ("TT_THAU", "97/QĐ-MAU;G3;N3;2025"),
            ]);
        }
    }

    fn results(&mut self, day: usize, told: &str) {
        for (test, indicators) in TESTS {
            for indicator in *indicators {
                let mut row = Row::empty(&XML4_FIELDS);
                let measured = indicator.value > 0;
                let value = decimal(indicator.value + (day as i64 * 7) % 30, 2);
                row.set_all(&[
                    ("MA_LK", &self.key),
                    ("STT", &(self.results.len() + 1).to_string()),
                    ("MA_DICH_VU", test.code),
                    ("MA_CHI_SO", indicator.code),
                    ("TEN_CHI_SO", indicator.name),
                    ("GIA_TRI", if measured { &value } else { "" }),
                    ("DON_VI_DO", indicator.unit),
                    ("MO_TA", indicator.seen),
                    ("KET_LUAN", indicator.concluded),
                    ("NGAY_KQ", told),
                    ("MA_BS_DOC_KQ", *cycled(STAFF, day % 3)),
                ]);
                self.results.push(row);
            }
        }
    }

    fn note(&mut self, day: usize, written: String) {
        let mut row = Row::empty(&XML5_FIELDS);
        row.set_all(&[
            ("MA_LK", &self.key),
            ("STT", &(self.notes.len() + 1).to_string()),
            ("DIEN_BIEN_LS", *cycled(NOTES, day)),
            ("THOI_DIEM_DBLS", &written),
            ("NGUOI_THUC_HIEN", *cycled(STAFF, day % 3)),
        ]);
        self.notes.push(row);
    }

    fn finish(self, serial: u32, days: usize) -> Parts {
        let mut summary = self.claims.summary.clone();
        let sums = &self.sums;
        summary.set_all(&[
            ("MA_LK", &self.key),
            ("MA_BN", &format!("BN{serial:07}")),
            ("LY_DO_VV", "Đau thắt lưng, lan xuống mông phải"),
            ("CHAN_DOAN_VAO", "Đau lưng dưới"),
            ("CHAN_DOAN_RV", "Đau lưng dưới do thoái hóa cột sống"),
            ("MA_BENH_CHINH", "M54.5"),
            ("NGAY_VAO", &time(day_of(0, days), 0)),
            ("SO_NGAY_DTRI", &days.to_string()),
            ("T_THUOC", &decimal(sums.drugs, 2)),
            ("T_VTYT", &decimal(sums.supplies, 2)),
            ("T_TONGCHI_BV", &decimal(sums.billed, 2)),
            ("T_TONGCHI_BH", &decimal(sums.insured, 2)),
            ("T_BNTT", &decimal(sums.own, 2)),
            ("T_BNCCT", &decimal(sums.shared, 2)),
            ("T_BHTT", &decimal(sums.paid, 2)),
            ("T_BHTT_GDV", &decimal(sums.paid, 2)),
            ("MA_LOAI_KCB", "02"),
        ]);
        let list = |root: &str, list: &str, row: &str, rows: &[Row]| {
            let rows: String = rows.iter().map(|fields| fields.write(row, 2)).collect();
            format!("<?xml version='1.0' encoding='utf-8'?>\n<{root}>\n  <{list}>\n{rows}  </{list}>\n</{root}>\n")
        };
        vec![
            ("XML1", format!("<?xml version='1.0' encoding='utf-8'?>\n{}", summary.write("TONG_HOP", 0))),
            ("XML2", list("CHITIEU_CHITIET_THUOC", "DSACH_CHI_TIET_THUOC", "CHI_TIET_THUOC", &self.drugs)),
            ("XML3", list("CHITIEU_CHITIET_DVKT_VTYT", "DSACH_CHI_TIET_DVKT", "CHI_TIET_DVKT", &self.services)),
            ("XML4", list("CHITIEU_CHITIET_DICHVUCANLAMSANG", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS", &self.results)),
            (
                "XML5",
                list(
                    "CHITIEU_CHITIET_DIENBIENLAMSANG",
                    "DSACH_CHI_TIET_DIEN_BIEN_BENH",
                    "CHI_TIET_DIEN_BIEN_BENH",
                    &self.notes,
                ),
            ),
        ]
    }
}

impl Sums {
    fn add(&mut self, billed: i64, insured: i64, paid: i64) {
        self.billed += billed;
        self.insured += insured;
        self.own += billed - insured;
        self.shared += insured - paid;
        self.paid += paid;
    }
}

impl Row {
    /// The first `element` of a text with one field a line.
    fn read(text: &str, element: &str) -> Self {
        let inside =
            text.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
        let (inside, _) = inside.expect("the sample has such a row");
        let field = |line: &str| {
            let (name, rest) = line.trim().strip_prefix('<')?.split_once('>')?;
            let value = rest.split('<').next().unwrap_or_default();
            Some((name.trim_end_matches('/').to_owned(), value.to_owned()))
        };
        Self(inside.lines().filter_map(field).collect())
    }

    fn empty(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), String::new())).collect())
    }

    fn set_all(&mut self, values: &[(&str, &str)]) {
        for (name, value) in values {
            let field = self.0.iter_mut().find(|(known, _)| known == name);
            let (_, field) = field.expect("the row has the field");
            *field = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        }
    }

    fn set_amounts(&mut self, billed: i64, insured: i64, paid: i64) {
        self.set_all(&[
            ("THANH_TIEN_BV", &decimal(billed, 2)),
            ("THANH_TIEN_BH", &decimal(insured, 2)),
            ("T_BNTT", &decimal(billed - insured, 2)),
            ("T_BNCCT", &decimal(insured - paid, 2)),
            ("T_BHTT", &decimal(paid, 2)),
        ]);
    }

    /// One field a line; empty ones are closed at once, as the sample's.
    fn write(&self, element: &str, depth: usize) -> String {
        let indent = "  ".repeat(depth);
        let mut text = format!("{indent}<{element}>\n");
        for (name, value) in &self.0 {
            let field = if value.is_empty() { format!("<{name}/>") } else { format!("<{name}>{value}</{name}>") };
            text.push_str(&format!("{indent}  {field}\n"));
        }
        text.push_str(&format!("{indent}</{element}>\n"));
        text
    }
}

fn cycled<T>(list: &[T], n: usize) -> &T {
    list.get(n % list.len()).expect("no list is empty")
}

fn decimal(value: i64, places: usize) -> String {
    let unit = 10_i64.pow(places as u32);
    format!("{}.{:0places$}", value / unit, value % unit)
}

fn day_of(day: usize, days: usize) -> Date {
    LAST_DAY.saturating_sub(((days - 1 - day) as i64).days())
}

fn time(day: Date, minute: i64) -> String {
    assert!(minute <= MINUTES, "the visit is over by then");
    let minute = OPENS + minute;
    format!("{}{:02}{:02}", day.strftime("%Y%m%d"), minute / 60, minute % 60)
}
