//! XML0, XML12, HSDLGCS and HSDLGBT: documents without base64, their content and a signature side by side.

use super::Outline;
use super::checks::Checks;
use super::part::{self, BIRTH_CERTIFICATE, CHECKIN, DEATH_CERTIFICATE, MEDICAL_ASSESSMENT, Part};
use super::rule::Report;
use super::shape::{Occurs, Shape};
use super::walk::Walker;
use crate::document::Kind;
use crate::xml;

/// Reads the rows of XML0 or XML12, whose root was entered already.
pub(super) fn read_list(
    walker: &mut Walker<'_>,
    kind: Kind,
    checks: &mut Checks,
    report: &mut Report,
    outline: &mut Outline,
) -> Result<(), xml::Error> {
    const CHECKIN_ROOT: &[(&str, Occurs)] = &[("DSACH_TRANG_THAI_KCB", Occurs::Once), ("CHUKYDONVI", Occurs::Once)];
    const CHECKIN_ROW: &[(&str, Occurs)] = &[("TRANG_THAI_KCB", Occurs::OnceOrMore)];
    const MINUTES_ROOT: &[(&str, Occurs)] = &[("DSACH_GIAM_DINH_YKHOA", Occurs::Once), ("CHUKYDONVI", Occurs::Once)];
    const MINUTES_ROW: &[(&str, Occurs)] = &[("GIAM_DINH_YKHOA", Occurs::OnceOrMore)];

    let (root, row, part): (_, _, &'static Part) = match kind {
        Kind::Checkin => (CHECKIN_ROOT, CHECKIN_ROW, &CHECKIN),
        _ => (MINUTES_ROOT, MINUTES_ROW, &MEDICAL_ASSESSMENT),
    };
    walker.set_part(part.name);
    let mut shape = Shape::new(root);
    while let Some(tag) = walker.next(&mut shape, report)? {
        if tag.name == "CHUKYDONVI" {
            outline.signed = walker.skip()?;
        } else {
            let rows = part::read_rows(walker, row, part, checks, report)?;
            outline.records = outline.records.saturating_add(rows);
        }
    }
    outline.parts.push(part.name.to_owned());
    Ok(())
}

/// Reads the one certificate of HSDLGCS or HSDLGBT, whose root was entered already.
pub(super) fn read_certificate(
    walker: &mut Walker<'_>,
    kind: Kind,
    checks: &mut Checks,
    report: &mut Report,
    outline: &mut Outline,
) -> Result<(), xml::Error> {
    const BIRTH: &[(&str, Occurs)] = &[("GIAYCHUNGSINH", Occurs::Once), ("CHUKYDONVI", Occurs::Once)];
    const DEATH: &[(&str, Occurs)] = &[("GIAYBAOTU", Occurs::Once), ("CHUKYDONVI", Occurs::Once)];

    let (root, part): (_, &'static Part) = match kind {
        Kind::BirthCertificate => (BIRTH, &BIRTH_CERTIFICATE),
        _ => (DEATH, &DEATH_CERTIFICATE),
    };
    walker.set_part(part.name);
    let mut shape = Shape::new(root);
    while let Some(tag) = walker.next(&mut shape, report)? {
        if tag.name == "CHUKYDONVI" {
            outline.signed = walker.skip()?;
        } else {
            part::read_row(walker, part, 1, checks, report)?;
            outline.records = outline.records.saturating_add(1);
        }
    }
    outline.parts.push(part.name.to_owned());
    Ok(())
}
