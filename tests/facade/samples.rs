//! The samples that `common/documents` does not number. Everybody in them is invented.

pub(crate) const CHECKIN: &str = include_str!("../../schemas/checkin/sample.xml");
pub(crate) const MEDICAL_ASSESSMENT: &str = include_str!("../../schemas/medical-assessment/sample.xml");
pub(crate) const VOUCHER: &str = include_str!("../../schemas/electronic-voucher/sample.xml");
