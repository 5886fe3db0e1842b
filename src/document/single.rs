//! XML0, XML12, HSDLGCS and HSDLGBT: documents without base64, their content and a signature side by side.

use super::inspection::Inspection;
use super::reading::Reading;
use crate::xml;

/// Reads what stands under the root element.
pub(super) fn read<'r>(inspection: &mut Inspection<'r>, reading: &mut Reading<'r, '_>) -> Result<(), xml::Error> {
    inspection.rules.begin_record();
    let read = inspection.rows(reading);
    let part = reading.part;
    inspection.rules.end_part(reading, &mut inspection.report);
    inspection.outline.records = inspection.outline.rows;
    inspection.outline.parts.push(part.name.to_owned());
    read
}
