//! The listener over real sockets and real TLS.

mod deadlines;
mod identity;
mod places;
mod requests;
mod stopping;
mod support;
