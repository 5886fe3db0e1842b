//! Health certificates of drivers: user and password in headers, no token at all (`portal-api.md`, section 5.1).

use http::HeaderName;

use crate::portal::Submission;
use crate::portal::account::Account;
use crate::portal::call::Call;

/// `hssk/gksk`, with the facility's own account for it where there is one. The body is forwarded as it is.
pub(super) fn driver_exam(account: &Account, submission: &Submission) -> Call {
    let (username, password) = match &account.driver_exam {
        Some((username, password)) => (username, password),
        None => (&account.username, &account.password),
    };
    Call::json("/api/hssk/gksk", submission.body.clone())
        .with_key(HeaderName::from_static("username"), username)
        .with_key(HeaderName::from_static("password"), password.md5())
}
