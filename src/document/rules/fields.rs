//! The fields that functions name, each at its slot. Those that identify stand first, because they are looked up by name.

macro_rules! fields {
    ($($module:ident $part:literal: $($name:ident)+;)+) => {
        $(
            #[doc = $part]
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
                $($part => $module::NAMES,)+
                _ => &[],
            }
        }
    };
}

fields! {
    xml1 "XML1": MA_LK MA_CSKCB NGAY_VAO NGAY_RA T_THUOC T_VTYT T_TONGCHI_BV T_TONGCHI_BH T_BNTT T_BNCCT T_BHTT
        T_NGUONKHAC T_BHTT_GDV MA_THE_BHYT MA_LOAI_KCB MA_LOAI_RV SO_NGAY_DTRI NGAY_VAO_NOI_TRU;
    xml2 "XML2": MA_LK MA_NHOM SO_LUONG DON_GIA TYLE_TT_BH MUC_HUONG THANH_TIEN_BV THANH_TIEN_BH T_BNTT T_BNCCT T_BHTT
        T_NGUONKHAC T_NGUONKHAC_NSNN T_NGUONKHAC_VTNN T_NGUONKHAC_VTTN T_NGUONKHAC_CL MA_PTTT;
    xml3 "XML3": MA_LK MA_NHOM SO_LUONG DON_GIA_BV DON_GIA_BH TYLE_TT_DV TYLE_TT_BH MUC_HUONG THANH_TIEN_BV
        THANH_TIEN_BH T_BNTT T_BNCCT T_BHTT T_NGUONKHAC T_NGUONKHAC_NSNN T_NGUONKHAC_VTNN T_NGUONKHAC_VTTN
        T_NGUONKHAC_CL T_TRANTT MA_PTTT MA_DICH_VU PHAM_VI;
}
