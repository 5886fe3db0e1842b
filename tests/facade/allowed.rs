//! Every difference between the portal and the façade that is meant, with its reason. A difference that is not listed
//! fails the test, and so does a listed one that does not occur.

use crate::matrix::Allowed;

pub(crate) const ALLOWED: &[Allowed] = &[];
