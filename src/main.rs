//! The `lienthong` process.

fn main() {}
