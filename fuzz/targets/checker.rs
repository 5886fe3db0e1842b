//! Checks whatever comes against the schemas.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    if lienthong_fuzz::checker::run(input) { Corpus::Keep } else { Corpus::Reject }
});
