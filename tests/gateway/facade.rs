//! The façade, spoken to as hospital systems written for the portal speak to the portal, over real sockets.

pub(crate) mod client;

mod foreign;
mod lookups;
mod passing;
mod signing_in;
mod submissions;
