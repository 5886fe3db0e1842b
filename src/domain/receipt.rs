//! The portal's word that it took a document.

/// What the portal answered when it took a document (`maGiaoDich`, `MaGD` or `UUID`, by family).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The portal's transaction code, verbatim.
    pub code: String,
    /// `thoiGianTiepNhan`, verbatim (14 digits), where the family has it.
    pub received_at: Option<String>,
}
