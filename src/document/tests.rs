//! Samples, guards and properties of documents.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

mod disguises;
mod guards;
mod lines;
mod samples;

/// A sample of `schemas/`, by kind and file.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/", $path))
    };
}
use sample;

/// The day of the tests, after every sample.
const TODAY: u32 = 20_261_120;

fn rulebook() -> &'static Rulebook {
    static RULEBOOK: OnceLock<Rulebook> = OnceLock::new();
    RULEBOOK.get_or_init(Rulebook::embedded)
}

fn parse(text: &str) -> Result<Document, Findings> {
    parse_bytes(text.as_bytes())
}

fn parse_bytes(bytes: &[u8]) -> Result<Document, Findings> {
    Document::parse(bytes, &Limits::default(), rulebook(), TODAY)
}

/// Everything found, whether it stops the document or not.
fn findings(text: &str) -> Vec<Finding> {
    let findings = parse(text).map_or_else(|findings| findings, |document| document.warnings);
    findings.listed().to_vec()
}

/// The codes found.
fn codes(text: &str) -> Vec<String> {
    findings(text).into_iter().map(|finding| finding.code.into_owned()).collect()
}

/// The codes of the guards of envelope, identity and XML: what is told of a document that has hardly any fields.
fn guards(text: &str) -> Vec<String> {
    let guard = |code: &String| !code.starts_with("XSD_") && !code.contains('-');
    codes(text).into_iter().filter(guard).collect()
}

/// A claim package of records, each a list of parts and their XML.
fn claim(facility: &str, declared: &str, records: &[&[(&str, &str)]]) -> String {
    package("GIAMDINHHS", facility, declared, records)
}

fn package(root: &str, facility: &str, declared: &str, records: &[&[(&str, &str)]]) -> String {
    let file = |(name, xml): &(&str, &str)| {
        let content = STANDARD.encode(xml);
        format!("<FILEHOSO><LOAIHOSO>{name}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>\n")
    };
    let record = |parts: &&[(&str, &str)]| format!("<HOSO>{}</HOSO>", parts.iter().map(file).collect::<String>());
    let records: String = records.iter().map(record).collect();
    format!(
        "<{root}>\n<THONGTINDONVI><MACSKCB>{facility}</MACSKCB></THONGTINDONVI>\n<THONGTINHOSO>\
         <NGAYLAP>20260316</NGAYLAP><SOLUONGHOSO>{declared}</SOLUONGHOSO><DANHSACHHOSO>{records}</DANHSACHHOSO>\
         </THONGTINHOSO><CHUKYDONVI/></{root}>"
    )
}

fn xml1(key: &str, facility: &str) -> String {
    format!(
        "<TONG_HOP>\n<MA_LK>{key}</MA_LK>\n<HO_TEN>BÙI THỊ GIẢ</HO_TEN>\n<MA_CSKCB>{facility}</MA_CSKCB>\n</TONG_HOP>"
    )
}

fn xml2(keys: &[&str]) -> String {
    let row = |key: &&str| format!("<CHI_TIET_THUOC><MA_LK>{key}</MA_LK></CHI_TIET_THUOC>\n");
    let rows: String = keys.iter().map(row).collect();
    format!("<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>\n{rows}</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>")
}
