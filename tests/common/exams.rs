//! Driver health exams: what is changed beside the signature is changed in what was signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The sample, as XML or as JSON, with this number.
pub(crate) fn numbered(sample: &str, number: usize) -> String {
    let replaced = |text: &str| text.replace("00042/GKSKLX", &format!("{number:05}/GKSKLX"));
    let (open, end) = if sample.starts_with('{') { ("\"SIGNDATA\": \"", '"') } else { ("<SIGNDATA>", '<') };
    let (before, rest) = sample.split_once(open).expect("the sample is signed");
    let (signed, after) = rest.split_once(end).expect("what was signed ends");
    let signed = String::from_utf8(STANDARD.decode(signed).expect("base64")).expect("UTF-8");
    format!("{}{open}{}{end}{after}", replaced(before), STANDARD.encode(replaced(&signed)))
}
