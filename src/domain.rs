//! The words of the field as types: each is parsed once, where it enters, and is right from then on.
//!
//! Nothing here does I/O, awaits, reads a clock or derives serde: formats live at the edges, the domain at the
//! ground. Types that name a person have a `Debug` that shows nothing of them; [`masked`](NationalId::masked) forms
//! exist for the eye of an operator.

pub mod card;
pub mod date;
pub mod delivery;
pub mod facility;
pub mod incident;
pub mod national_id;
pub mod officer;
pub mod person;
pub mod receipt;
pub mod scan;
pub mod text;

pub use self::card::{CardNumber, CardSubject, SocialInsuranceNumber};
pub use self::date::{PartialDate, Precision};
pub use self::delivery::{DeliveryState, End};
pub use self::facility::FacilityCode;
pub use self::incident::IncidentKind;
pub use self::national_id::NationalId;
pub use self::officer::Officer;
pub use self::person::{PersonName, Sex};
pub use self::receipt::Receipt;
pub use self::text::{Bilingual, Language};
