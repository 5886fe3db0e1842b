//! The fields by which a record is known, and what a schema must leave true of them: the identity guard reads each
//! once, as a text, so a schema from a folder may not make it a list or a tree.

use std::collections::HashSet;

use super::super::part;
use super::automaton::Automaton;
use super::{Complex, Schema, Type};

/// What a schema says otherwise of an identifying field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is nowhere.
    Missing,
    /// It holds elements.
    NotSimple,
    /// It may stand more than once in its parent.
    Repeated,
}

/// The identifying fields of a part, in groups of which at least one is there: vouchers carry one of two numbers, all
/// others each of their own.
pub(super) fn identity(part: &str) -> Vec<&'static [&'static str]> {
    let Some(part) = part::named(part) else { return Vec::new() };
    if part.carries_one_of_its_keys() { vec![part.identity] } else { part.identity.chunks(1).collect() }
}

impl Schema {
    /// The names of the elements a document may have as its root.
    pub(super) fn root_names(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| &*root.name)
    }

    /// What is not as the identity of `part` demands, by field.
    pub(super) fn broken_identity(&self, part: &str) -> Vec<(&'static str, Broken)> {
        let reachable = self.reachable();
        let mut broken = Vec::new();
        for group in identity(part) {
            let mut found = false;
            for &field in group {
                for (complex, child) in reachable.iter().filter_map(|complex| complex.child_named(field)) {
                    found = true;
                    let is_simple = matches!(self.type_at(child.1), Some(Type::Simple(_)));
                    if !is_simple {
                        broken.push((field, Broken::NotSimple));
                    } else if may_repeat(&complex.content, child.0) {
                        broken.push((field, Broken::Repeated));
                    }
                }
            }
            if let (false, Some(first)) = (found, group.first()) {
                broken.push((first, Broken::Missing));
            }
        }
        for name in self.missing_anchors(part) {
            if !broken.iter().any(|(known, _)| *known == name) {
                broken.push((name, Broken::Missing));
            }
        }
        broken.dedup();
        broken
    }

    /// The elements that must be there by name, or what must stand directly in them, and do not.
    fn missing_anchors(&self, part: &str) -> Vec<&'static str> {
        let reachable = self.reachable();
        let named = |name: &str| -> Vec<&Complex> {
            let children = reachable.iter().filter_map(|complex| complex.child_named(name)).map(|(_, child)| child.1);
            let roots = self.roots.iter().filter(|root| *root.name == *name).map(|root| root.type_index);
            let types = children.chain(roots).filter_map(|index| self.type_at(index));
            types.filter_map(|kind| if let Type::Complex(complex) = kind { Some(complex) } else { None }).collect()
        };
        let mut missing = Vec::new();
        let Some(part) = part::named(part) else { return missing };
        for (anchor, children) in part.anchors() {
            let found = named(anchor);
            // A root of another name is told by itself.
            if found.is_empty() && anchor != part.root {
                missing.push(anchor);
            }
            let lacks = |child: &&str| found.iter().any(|complex| complex.child_named(child).is_none());
            missing.extend(children.into_iter().filter(lacks));
        }
        missing
    }

    /// Every type of elements that a document can have.
    fn reachable(&self) -> Vec<&Complex> {
        let mut waiting: Vec<usize> = self.roots.iter().map(|root| root.type_index).collect();
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(index) = waiting.pop() {
            if let (true, Some(Type::Complex(complex))) = (seen.insert(index), self.type_at(index)) {
                waiting.extend(complex.children.iter().map(|child| child.type_index));
                found.push(complex);
            }
        }
        found
    }
}

impl Complex {
    /// Symbol and type of the child of this name.
    fn child_named(&self, name: &str) -> Option<(&Self, (u16, usize))> {
        let symbol = *self.by_name.get(name)?;
        let child = self.children.get(usize::from(symbol))?;
        Some((self, (symbol, child.type_index)))
    }
}

/// Whether the symbol can be taken twice on one way through the automaton.
fn may_repeat(content: &Automaton, symbol: u16) -> bool {
    let states = || (0_u16..).take(content.len());
    let mut after: HashSet<u16> = states().filter_map(|state| content.step(state, symbol)).collect();
    let mut waiting: Vec<u16> = after.iter().copied().collect();
    while let Some(state) = waiting.pop() {
        if content.step(state, symbol).is_some() {
            return true;
        }
        let next = content.expected(state).filter_map(|symbol| content.step(state, symbol));
        waiting.extend(next.filter(|next| after.insert(*next)));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::Library;

    fn broken(record: &str) -> Vec<(&'static str, Broken)> {
        let xsd = format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"TONG_HOP\"><xs:complexType>\
             <xs:sequence>{record}</xs:sequence></xs:complexType></xs:element></xs:schema>"
        );
        Schema::compile(&xsd).unwrap().broken_identity("XML1")
    }

    #[test]
    fn an_identifying_field_is_there_once_and_holds_a_text() {
        let link = "<xs:element name=\"MA_LK\" type=\"xs:string\"/>";
        let facility = "<xs:element name=\"MA_CSKCB\" type=\"xs:string\" minOccurs=\"0\"/>";
        assert_eq!(broken(&format!("{link}{facility}")), []);
        assert_eq!(broken(link), [("MA_CSKCB", Broken::Missing)]);
        assert_eq!(broken(&format!("{link}{facility}{link}")), [("MA_LK", Broken::Repeated)]);
        let many = "<xs:element name=\"MA_LK\" type=\"xs:string\" maxOccurs=\"2\"/>";
        assert_eq!(broken(&format!("{many}{facility}")), [("MA_LK", Broken::Repeated)]);
        let group = format!("<xs:choice maxOccurs=\"unbounded\">{link}{facility}</xs:choice>");
        assert_eq!(broken(&group), [("MA_LK", Broken::Repeated), ("MA_CSKCB", Broken::Repeated)]);
        let either = format!("<xs:choice><xs:sequence>{link}{facility}</xs:sequence>{facility}</xs:choice>");
        assert_eq!(broken(&either), []);
        let tree = format!(
            "<xs:element name=\"MA_LK\"><xs:complexType><xs:sequence>{facility}</xs:sequence></xs:complexType></xs:element>"
        );
        assert_eq!(broken(&tree), [("MA_LK", Broken::NotSimple), ("MA_CSKCB", Broken::Missing)]);
        let nested = format!(
            "{facility}<xs:element name=\"X\" maxOccurs=\"2\"><xs:complexType><xs:sequence>{link}</xs:sequence></xs:complexType></xs:element>"
        );
        assert_eq!(broken(&nested), [("MA_LK", Broken::Missing)]);
    }

    #[test]
    fn the_embedded_schemas_keep_the_identity() {
        let library = Library::embedded();
        for entry in library.entries() {
            assert_eq!(
                entry.schema().unwrap().broken_identity(entry.part()),
                [],
                "{} {}",
                entry.part(),
                entry.version()
            );
        }
    }
}
