//! Samples, guards and properties of documents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

mod guards;
mod samples;

/// A sample of `schemas/`, by kind and file.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/", $path))
    };
}
use sample;

fn parse(text: &str) -> Result<Document, Findings> {
    Document::parse(text.as_bytes(), &Limits::default())
}

/// The codes found, whether they stop the document or not.
fn codes(text: &str) -> Vec<&'static str> {
    let findings = parse(text).map_or_else(|findings| findings, |document| document.warnings);
    findings.listed().iter().map(|finding| finding.code).collect()
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
