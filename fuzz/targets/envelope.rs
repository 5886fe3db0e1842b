//! Reads whatever comes as a document.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| lienthong_fuzz::envelope::run(input));
