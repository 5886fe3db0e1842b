//! The staff member in whose name the portal is asked.

use crate::domain::national_id::NationalId;
use crate::domain::person::PersonName;

/// A registered officer (`hoTenCb`, `cccdCb`): since 2024-08-01 every lookup names one (`portal-api.md`, section 0.2).
/// `Debug` is redacted through its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// Full name as registered at the portal.
    pub name: PersonName,
    /// The officer's own national ID.
    pub national_id: NationalId,
}
