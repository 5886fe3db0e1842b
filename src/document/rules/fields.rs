//! The fields that functions name, each at its slot. Those that identify stand first, because they are looked up by name.

macro_rules! fields {
    ($($module:ident $($part:literal)|+: $($name:ident)+;)+) => {
        $(
            #[doc = concat!($($part, " "),+)]
            pub(super) mod $module {
                #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names of the tables")]
                enum Slot { $($name),+ }
                $(#[allow(dead_code, reason = "some only hold the first places")] pub(in super::super) const $name: usize = Slot::$name as usize;)+
                pub(super) const NAMES: &[&str] = &[$(stringify!($name)),+];
            }
        )+

        /// The fields of a part, in the order of their slots.
        pub(super) fn names(part: &str) -> &'static [&'static str] {
            match part {
                $($($part)|+ => $module::NAMES,)+
                _ => &[],
            }
        }
    };
}

fields! {
    xml1 "XML1": MA_LK MA_CSKCB NGAY_VAO NGAY_RA T_THUOC T_VTYT T_TONGCHI_BV T_TONGCHI_BH T_BNTT T_BNCCT T_BHTT
        T_NGUONKHAC T_BHTT_GDV MA_THE_BHYT MA_LOAI_KCB MA_LOAI_RV SO_NGAY_DTRI NGAY_VAO_NOI_TRU
        SO_CCCD NGAY_SINH GIOI_TINH MA_QUOCTICH MATINH_CU_TRU MA_DKBD GT_THE_TU GT_THE_DEN MA_DOITUONG_KCB MA_NOI_DI
        NAM_QT THANG_QT CAN_NANG_CON MA_BENH_CHINH MA_BENH_KT;
    xml2 "XML2": MA_LK MA_NHOM SO_LUONG DON_GIA TYLE_TT_BH MUC_HUONG THANH_TIEN_BV THANH_TIEN_BH T_BNTT T_BNCCT T_BHTT
        T_NGUONKHAC T_NGUONKHAC_NSNN T_NGUONKHAC_VTNN T_NGUONKHAC_VTTN T_NGUONKHAC_CL MA_PTTT
        STT PHAM_VI;
    xml3 "XML3": MA_LK MA_NHOM SO_LUONG DON_GIA_BV DON_GIA_BH TYLE_TT_DV TYLE_TT_BH MUC_HUONG THANH_TIEN_BV
        THANH_TIEN_BH T_BNTT T_BNCCT T_BHTT T_NGUONKHAC T_NGUONKHAC_NSNN T_NGUONKHAC_VTNN T_NGUONKHAC_VTTN
        T_NGUONKHAC_CL T_TRANTT MA_PTTT MA_DICH_VU PHAM_VI
        STT MA_VAT_TU TAI_SU_DUNG NGUOI_THUC_HIEN NGAY_YL NGAY_TH_YL NGAY_KQ;
    xml4 "XML4": MA_LK STT MA_DICH_VU GIA_TRI MO_TA KET_LUAN;
    xml5 "XML5": MA_LK STT;
    xml6 "XML6": MA_LK MA_CSKCB NGAY_BAT_DAU_XU_TRI NGAY_KET_THUC_XU_TRI SO_NGAY_CAP_THUOC_ARV;
    xml9 "XML9": MA_LK SO_CON;
    xml10 "XML10": MA_LK TU_NGAY DEN_NGAY SO_NGAY;
    xml11 "XML11": MA_LK SO_NGAY_NGHI MA_DINH_CHI_THAI TUOI_THAI CHAN_DOAN_RV;
    xml15 "XML15": MA_LK MA_CSKCB STT;
    xml0 "XML0": MA_LK MA_CSKCB SO_CCCD NGAY_SINH GIOI_TINH;
    xml12 "XML12": SO_CCCD NGAY_SINH;
    voucher "CT03" | "CT04" | "CT06" | "CT07" | "GIAYDIEUTRINOITRU" | "GIAYDIEUTRIVOSINH" | "GIAYSUCKHOEME":
        MA_YTE MA_CT LOAI_GIAYTO SO_CCCD NGAY_SINH GIOI_TINH;
    death "GIAYBAOTU": MA_GBT MACSKCB LOAI_GIAYTO SO_GIAYTO NGAY_SINH GIOI_TINH;
    exam "GKSK": SO IDBENHVIEN HANGBANGLAI STATE SIGNDATA HOTEN NGAYSINH GIOITINHVAL SOCMND_PASSPORT
        NGAYTHANGNAMCAPCMND NOICAP DIACHITHUONGTRU MATINH_THUONGTRU MAHUYEN_THUONGTRU MAXA_THUONGTRU NONGDOCON
        DVINONGDOCON MATUY KETLUAN NGAYKETLUAN BACSYKETLUAN NGAYKHAMLAI LYDO TINHTRANGBENH;
}
