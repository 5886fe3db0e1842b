//! The facets of a restriction, added to those of its base.

use std::sync::Arc;

use super::SchemaError;
use super::fault::Code;
use super::pattern::Pattern;
use super::simple::{Base, Blanks, Simple};
use super::source::Node;

/// The type that `restriction` makes of `base`; `documented` is where its words stand.
pub(super) fn restrict(base: Simple, restriction: &Node, documented: &Node) -> Result<Simple, SchemaError> {
    let mut simple = base;
    let mut patterns = Vec::new();
    let mut codes: Vec<Box<str>> = Vec::new();
    let mut listed = false;
    for facet in restriction.parts() {
        facet.only(&["value"])?;
        let value = facet.required("value")?;
        let number = || value.parse::<usize>().map_err(|_| facet.refuse("no number"));
        let text = simple.base == Base::Text;
        match facet.name.as_str() {
            "minLength" if text => simple.length_min = simple.length_min.max(number()?),
            "maxLength" if text => simple.length_max = Some(simple.length_max.unwrap_or(usize::MAX).min(number()?)),
            "length" if text => {
                simple.length_min = number()?;
                simple.length_max = Some(number()?);
            }
            "pattern" => patterns.push(value),
            // Numbers are equal in more ways than letter by letter.
            "enumeration" if text => {
                listed = true;
                codes.push(value.into());
            }
            "totalDigits" if !text => simple.digits_max = Some(number()?),
            "fractionDigits" if !text => simple.decimals_max = Some(number()?),
            "whiteSpace" if text => {
                simple.blanks = match value {
                    "preserve" => Blanks::Preserve,
                    "replace" => Blanks::Replace,
                    "collapse" => Blanks::Collapse,
                    _ => return Err(facet.refuse("its value")),
                };
            }
            _ => return Err(facet.refuse("as a facet here")),
        }
    }
    if listed {
        codes.sort_unstable();
        codes.dedup();
        if !simple.codes.is_empty() {
            codes.retain(|code| simple.codes.contains(code));
            if codes.is_empty() {
                return Err(restriction.refuse("an enumeration that leaves nothing"));
            }
        }
        simple.codes = codes;
    }
    if !patterns.is_empty() {
        let pattern = Pattern::compile(&patterns).map_err(|unknown| restriction.refuse(&unknown.0))?;
        simple.patterns.push(Arc::new(pattern));
    }
    if let Some(code) = documented.appinfo() {
        let known = Code::parse(code).filter(|code| matches!(code, Code::Digits | Code::Pattern));
        simple.pattern_code = Some(known.ok_or_else(|| documented.refuse(&format!("xs:appinfo {code}")))?);
    }
    let words = [documented.documentation("vi"), documented.documentation("en")];
    if words.iter().all(|words| !words.is_empty()) {
        simple.words = words;
    }
    Ok(simple)
}
