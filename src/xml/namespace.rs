//! Namespaces in XML 1.0 (third edition): which prefixes are bound where.

use std::borrow::Cow;

use super::character::Colon;
use super::error::{ErrorKind, IllFormed};
use super::reference;
use super::tag::{Attribute, Checked, Fault};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The prefixes bound by the open elements, innermost last.
#[derive(Default)]
pub(super) struct Namespaces<'a> {
    bindings: Vec<Binding<'a>>,
}

struct Binding<'a> {
    prefix: &'a str,
    name: Cow<'a, str>,
    /// Depth of the element that binds it.
    depth: u32,
}

impl<'a> Namespaces<'a> {
    /// Takes the declarations of an element at `depth` and checks every prefix on it. Elements without a colon and
    /// without attributes have nothing to check and need not come here.
    pub(super) fn enter(&mut self, checked: &Checked<'a>, depth: u32) -> Result<(), Fault> {
        for attribute in &checked.attributes {
            self.declare(attribute, depth).map_err(|kind| (kind, attribute.offset))?;
        }
        if let Colon::At(at) = checked.colon {
            let prefix = checked.tag.name.get(..at).unwrap_or_default();
            if self.resolve(prefix).is_none() {
                return Err((ErrorKind::IllFormed(IllFormed::UnboundPrefix), 0));
            }
        }
        self.check_attributes(&checked.attributes)
    }

    /// Forgets what elements deeper than `depth` declared.
    pub(super) fn leave(&mut self, depth: u32) {
        while self.bindings.last().is_some_and(|binding| binding.depth > depth) {
            self.bindings.pop();
        }
    }

    fn declare(&mut self, attribute: &Attribute<'a>, depth: u32) -> Result<(), ErrorKind> {
        const AGAINST_RULES: ErrorKind = ErrorKind::IllFormed(IllFormed::NamespaceDeclaration);
        let (prefix, name) = match attribute.name.strip_prefix("xmlns:") {
            Some(prefix) => (prefix, reference::attribute_value(attribute.value)),
            None if attribute.name == "xmlns" => {
                // The default namespace binds no prefix; only its name needs a look.
                let name = reference::attribute_value(attribute.value);
                return if name == XML || name == XMLNS { Err(AGAINST_RULES) } else { Ok(()) };
            }
            None => return Ok(()),
        };
        if name.is_empty() || prefix == "xmlns" || name == XMLNS || (prefix == "xml") != (name == XML) {
            return Err(AGAINST_RULES);
        }
        self.bindings.push(Binding { prefix, name, depth });
        Ok(())
    }

    fn resolve(&self, prefix: &str) -> Option<&str> {
        if prefix == "xml" {
            return Some(XML);
        }
        self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| binding.name.as_ref())
    }

    /// Every prefix bound, and no two attributes of one name in one namespace.
    fn check_attributes(&self, attributes: &[Attribute<'a>]) -> Result<(), Fault> {
        let mut expanded: Vec<(&str, &str)> = Vec::new();
        for attribute in attributes {
            let Colon::At(at) = attribute.colon else { continue };
            let prefix = attribute.name.get(..at).unwrap_or_default();
            let local = attribute.name.get(at + 1..).unwrap_or_default();
            if prefix == "xmlns" {
                continue;
            }
            let Some(name) = self.resolve(prefix) else {
                return Err((ErrorKind::IllFormed(IllFormed::UnboundPrefix), attribute.offset));
            };
            if expanded.contains(&(name, local)) {
                return Err((ErrorKind::IllFormed(IllFormed::AttributeTwice), attribute.offset));
            }
            expanded.push((name, local));
        }
        Ok(())
    }
}
