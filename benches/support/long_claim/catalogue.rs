//! What the made-up facility gives: names in the manner of real catalogues, prices invented.

/// One drug.
pub(super) struct Drug {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) strength: &'static str,
    pub(super) route: &'static str,
    pub(super) form: &'static str,
    pub(super) dose: &'static str,
    pub(super) directions: &'static str,
    pub(super) registration: &'static str,
    pub(super) tender: &'static str,
    /// Hundredths the insurance pays at most.
    pub(super) rate: i64,
    pub(super) quantity: i64,
    /// In thousandths of a đồng; whole đồng in tens, so that no amount needs rounding.
    pub(super) price: i64,
    /// Given at the facility: then the time it was given must stand there.
    pub(super) given: bool,
}

#[rustfmt::skip]
pub(super) const DRUGS: &[Drug] = &[
    Drug { code: "40.28", name: "Thuốc mẫu Celecoxib 200mg", unit: "Viên", strength: "200mg", route: "1.01", form: "Viên nang cứng", dose: "1 viên/lần * 2 lần/ngày * 1 ngày [2 viên/ngày]", directions: "Uống sau ăn no", registration: "893110000101", tender: "99/QĐ-MAU;G1;N3;2025", rate: 100, quantity: 2, price: 1_250_000, given: false },
    Drug { code: "40.48", name: "Thuốc mẫu Paracetamol 500mg", unit: "Viên", strength: "500mg", route: "1.01", form: "Viên nén", dose: "1 viên/lần * 3 lần/ngày * 1 ngày [3 viên/ngày]", directions: "Uống khi đau, cách nhau ít nhất 6 giờ", registration: "893100000102", tender: "99/QĐ-MAU;G1;N4;2025", rate: 100, quantity: 3, price: 480_000, given: false },
    Drug { code: "40.807", name: "Thuốc mẫu Eperison hydroclorid 50mg", unit: "Viên", strength: "50mg", route: "1.01", form: "Viên nén bao phim", dose: "1 viên/lần * 3 lần/ngày * 1 ngày [3 viên/ngày]", directions: "Uống sau ăn", registration: "893110000103", tender: "99/QĐ-MAU;G1;N2;2025", rate: 100, quantity: 3, price: 690_000, given: false },
    Drug { code: "40.677", name: "Thuốc mẫu Omeprazol 20mg", unit: "Viên", strength: "20mg", route: "1.01", form: "Viên nang", dose: "1 viên/lần * 1 lần/ngày * 1 ngày [1 viên/ngày]", directions: "Uống trước ăn 30 phút", registration: "893110000026", tender: "99/QĐ-MAU;G1;N1;2025", rate: 100, quantity: 1, price: 1_250_000, given: false },
    Drug { code: "40.1049", name: "Thuốc mẫu Vitamin B1 + B6 + B12", unit: "Viên", strength: "125mg + 125mg + 250mcg", route: "1.01", form: "Viên nén bao phim", dose: "1 viên/lần * 2 lần/ngày * 1 ngày [2 viên/ngày]", directions: "Uống sau ăn sáng và tối", registration: "893110000104", tender: "99/QĐ-MAU;G1;N4;2025", rate: 50, quantity: 2, price: 980_000, given: false },
    Drug { code: "05C.127", name: "Độc hoạt tang ký sinh (chế phẩm mẫu)", unit: "Gói", strength: "Độc hoạt 0,6g; Tang ký sinh 1,0g; Tần giao 0,4g; Phòng phong 0,4g; Đương quy 0,4g & các vị khác", route: "1.01", form: "Cốm", dose: "1 gói/lần * 2 lần/ngày * 1 ngày [2 gói/ngày]", directions: "Hòa với nước ấm, uống xa bữa ăn", registration: "893200000105", tender: "98/QĐ-MAU;G2;N1;2025", rate: 100, quantity: 2, price: 5_250_000, given: false },
    Drug { code: "40.30.1", name: "Thuốc mẫu Diclofenac natri 75mg/3ml", unit: "Ống", strength: "75mg/3ml", route: "2.10", form: "Dung dịch tiêm", dose: "1 ống/lần * 1 lần/ngày * 1 ngày [1 ống/ngày]", directions: "Tiêm bắp sâu", registration: "893110000106", tender: "99/QĐ-MAU;G1;N4;2025", rate: 100, quantity: 1, price: 820_000, given: true },
    Drug { code: "40.1056", name: "Thuốc mẫu Mecobalamin 500mcg/1ml", unit: "Ống", strength: "500mcg/1ml", route: "2.10", form: "Dung dịch tiêm", dose: "1 ống/lần * 1 lần/ngày * 1 ngày [1 ống/ngày]", directions: "Tiêm bắp", registration: "893110000107", tender: "99/QĐ-MAU;G1;N1;2025", rate: 50, quantity: 1, price: 12_600_000, given: true },
    Drug { code: "40.221", name: "Thuốc mẫu Pregabalin 75mg", unit: "Viên", strength: "75mg", route: "1.01", form: "Viên nang cứng", dose: "1 viên/lần * 2 lần/ngày * 1 ngày [2 viên/ngày]", directions: "Uống tối", registration: "893110000108", tender: "99/QĐ-MAU;G1;N3;2025", rate: 100, quantity: 2, price: 2_100_000, given: false },
    Drug { code: "40.990", name: "Thuốc mẫu Natri clorid 0,9% 500ml", unit: "Chai", strength: "0,9%; 500ml", route: "2.15", form: "Dung dịch tiêm truyền", dose: "1 chai/lần * 1 lần/ngày * 1 ngày [1 chai/ngày]", directions: "Truyền tĩnh mạch XX giọt/phút, theo dõi mạch < 100", registration: "893110000109", tender: "99/QĐ-MAU;G1;N4;2025", rate: 100, quantity: 1, price: 7_350_000, given: true },
];

/// One service.
pub(super) struct Service {
    pub(super) code: &'static str,
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    /// In thousandths, as of drugs: what the facility takes, and what the insurance knows.
    pub(super) price: i64,
    pub(super) insured: i64,
    pub(super) machine: &'static str,
}

#[rustfmt::skip]
pub(super) const PROCEDURES: &[Service] = &[
    Service { code: "08.0005.0230", group: "18", name: "Điện châm (kim ngắn)", price: 71_400_000, insured: 71_400_000, machine: "" },
    Service { code: "08.0389.0280", group: "18", name: "Xoa bóp bấm huyệt điều trị đau lưng", price: 69_300_000, insured: 69_300_000, machine: "" },
    Service { code: "08.0006.0271", group: "18", name: "Thủy châm điều trị hội chứng thắt lưng - hông", price: 70_100_000, insured: 70_100_000, machine: "" },
    Service { code: "17.0011.0237", group: "18", name: "Điều trị bằng tia hồng ngoại", price: 50_000_000, insured: 37_300_000, machine: "" },
    Service { code: "17.0007.0234", group: "18", name: "Điều trị bằng các dòng điện xung", price: 44_200_000, insured: 44_200_000, machine: "" },
    Service { code: "17.0008.0253", group: "18", name: "Điều trị bằng siêu âm", price: 60_000_000, insured: 48_700_000, machine: "" },
    Service { code: "17.0026.0220", group: "18", name: "Điều trị bằng máy kéo giãn cột sống", price: 48_700_000, insured: 48_700_000, machine: "" },
    Service { code: "17.0053.0267", group: "18", name: "Tập vận động có trợ giúp (tại phòng tập, nhân viên kèm trực tiếp)", price: 50_500_000, insured: 50_500_000, machine: "" },
];

/// Tests and images, with the indicators XML4 tells of each.
#[rustfmt::skip]
pub(super) const TESTS: &[(Service, &[Indicator])] = &[
    (
        Service { code: "22.0120.1370", group: "1", name: "Tổng phân tích tế bào máu ngoại vi (bằng máy đếm tổng trở)", price: 43_500_000, insured: 43_500_000, machine: "HH.1.SN0001" },
        &[
            Indicator::measured("WBC", "Số lượng bạch cầu", "G/L", 720),
            Indicator::measured("RBC", "Số lượng hồng cầu", "T/L", 452),
            Indicator::measured("HGB", "Huyết sắc tố", "g/L", 13_510),
            Indicator::measured("HCT", "Thể tích khối hồng cầu", "L/L", 41),
            Indicator::measured("PLT", "Số lượng tiểu cầu", "G/L", 25_600),
        ],
    ),
    (
        Service { code: "23.0075.1494", group: "1", name: "Định lượng Glucose [Máu]", price: 22_400_000, insured: 22_400_000, machine: "SH.1.SN0004" },
        &[Indicator::measured("GLU", "Glucose", "mmol/L", 540)],
    ),
    (
        Service { code: "23.0166.1494", group: "1", name: "Định lượng Urê máu [Máu]", price: 22_400_000, insured: 22_400_000, machine: "SH.1.SN0004" },
        &[Indicator::measured("URE", "Urê", "mmol/L", 480)],
    ),
    (
        Service { code: "18.0091.0028", group: "2", name: "Chụp X-quang cột sống thắt lưng thẳng nghiêng", price: 90_000_000, insured: 73_300_000, machine: "XQ.2.SN0005" },
        &[Indicator {
            code: "",
            name: "X-quang cột sống thắt lưng",
            unit: "",
            value: 0,
            seen: "Trục cột sống thẳng, mất đường cong sinh lý. Gai xương nhỏ bờ trước thân L3, L4. Khe đĩa đệm L4-L5 hẹp nhẹ. Không thấy hình ảnh tiêu xương & gãy xương.",
            concluded: "Thoái hóa cột sống thắt lưng mức độ nhẹ",
        }],
    ),
];

/// One result.
pub(super) struct Indicator {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// In hundredths.
    pub(super) value: i64,
    pub(super) seen: &'static str,
    pub(super) concluded: &'static str,
}

impl Indicator {
    const fn measured(code: &'static str, name: &'static str, unit: &'static str, value: i64) -> Self {
        Self { code, name, unit, value, seen: "", concluded: "" }
    }
}

/// Notes of the doctor: the vital signs stand in angle brackets, as the tables prescribe.
pub(super) const NOTES: &[&str] = &[
    "Bệnh nhân tỉnh, tiếp xúc tốt. Đau thắt lưng giảm ít, hạn chế cúi ngửa. CSST<M76_T36.8_HA120/70_NT18>",
    "Đau lan mông phải khi đi bộ trên 200 m; nghiệm pháp Lasègue (+) 60°. CSST<M80_T37_HA125/75_NT19>",
    "Ngủ được, ăn uống khá. Co cơ cạnh sống giảm. Tiếp tục phác đồ. CSST<M74_T36.6_HA118/70_NT18>",
    "Đau giảm rõ (VAS 3/10), cúi gần chạm đất. Tập thêm tại nhà & tránh mang vác nặng. CSST<M78_T36.7_HA122/72_NT18>",
];

/// Who ordered and who did it.
pub(super) const STAFF: &[&str] =
    &["000123/HNO-GPHN", "000456/HNO-GPHN", "000789/HNO-GPHN", "000321/HNO-GPHN;000654/HNO-GPHN"];
