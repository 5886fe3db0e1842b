//! What a schema says of its fields, for people: names, forms in words, meanings.

use super::SchemaError;
use super::source::{self, Node};

/// One element of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The names from the root to it, after slashes.
    pub path: String,
    /// How many elements it stands in.
    pub depth: usize,
    /// Whether it must be there wherever its parent is.
    pub required: bool,
    /// Whether it may stand more than once.
    pub repeated: bool,
    /// What its value must look like, in Vietnamese and English; `None` if it holds elements.
    pub form: Option<[String; 2]>,
    /// What it means, in Vietnamese and English; empty where the schema does not say.
    pub meaning: [String; 2],
}

struct Element {
    field: Field,
    children: Vec<Element>,
}

/// Types within types; the deepest of ours has five. One that holds itself ends here.
const DEPTH_MAX: usize = 12;
/// Elements told of one schema; the largest of ours has 70.
const FIELDS_MAX: usize = 2_000;

/// Every element of a schema, each before those it holds.
pub fn fields(text: &str) -> Result<Vec<Field>, SchemaError> {
    let root = source::read(text)?;
    let reader = Reader { root: &root, left: std::cell::Cell::new(FIELDS_MAX) };
    let mut all = Vec::new();
    for element in root.parts().filter(|part| part.name == "element") {
        flatten(reader.element(element, 0), "", &mut all);
    }
    Ok(all)
}

fn flatten(element: Element, above: &str, all: &mut Vec<Field>) {
    let Element { mut field, children } = element;
    field.path = format!("{above}/{}", field.name);
    let path = field.path.clone();
    all.push(field);
    children.into_iter().for_each(|child| flatten(child, &path, all));
}

struct Reader<'n> {
    root: &'n Node,
    left: std::cell::Cell<usize>,
}

// === impl Reader ===

impl<'n> Reader<'n> {
    fn element(&self, node: &'n Node, depth: usize) -> Element {
        let inline = node.parts().next();
        let named = node.attribute("type").and_then(|name| {
            self.root.parts().find(|part| part.name != "element" && part.attribute("name") == Some(name))
        });
        let of_type = inline.or(named);
        let holds_elements = of_type.is_some_and(|of_type| of_type.name == "complexType");
        let children = match of_type {
            Some(complex) if holds_elements && depth < DEPTH_MAX => self.content(complex, depth + 1),
            _ => Vec::new(),
        };
        let field = Field {
            name: node.attribute("name").unwrap_or_default().to_owned(),
            path: String::new(),
            depth,
            required: node.attribute("minOccurs") != Some("0"),
            repeated: node.attribute("maxOccurs").is_some_and(|max| max != "1" && max != "0"),
            form: (!holds_elements).then(|| form(node, of_type)),
            meaning: ["vi", "en"].map(|language| node.documentation(language)),
        };
        Element { field, children }
    }

    /// The elements of a sequence, a choice, or the type that holds one.
    fn content(&self, node: &'n Node, depth: usize) -> Vec<Element> {
        let mut found: Vec<Element> = Vec::new();
        let mut branches = 0;
        // In how many branches of a choice a name must stand.
        let mut needed: Vec<usize> = Vec::new();
        for part in node.parts() {
            let mut elements = match part.name.as_str() {
                "element" if self.left.get() > 0 => {
                    self.left.set(self.left.get() - 1);
                    vec![self.element(part, depth)]
                }
                "sequence" | "choice" if depth < DEPTH_MAX * 2 => self.content(part, depth),
                _ => continue,
            };
            branches += 1;
            if part.attribute("minOccurs") == Some("0") {
                elements.iter_mut().for_each(|element| element.field.required = false);
            }
            for element in elements {
                let required = usize::from(element.field.required);
                match found.iter().position(|known| known.field.name == element.field.name) {
                    Some(at) => needed.iter_mut().skip(at).take(1).for_each(|count| *count += required),
                    None => {
                        needed.push(required);
                        found.push(element);
                    }
                }
            }
        }
        let enough = if node.name == "choice" { branches } else { 1 };
        for (element, count) in found.iter_mut().zip(needed) {
            element.field.required = count >= enough;
        }
        found
    }
}

/// The words of a simple type: its own, or what its facets say.
fn form(element: &Node, of_type: Option<&Node>) -> [String; 2] {
    let Some(simple) = of_type else {
        let name = element.attribute("type").unwrap_or_default();
        return match name.split_once(':').map_or(name, |(_, local)| local) {
            "decimal" => ["số".to_owned(), "a number".to_owned()],
            "integer" => ["số nguyên".to_owned(), "a whole number".to_owned()],
            _ => ["chữ bất kỳ".to_owned(), "any text".to_owned()],
        };
    };
    let words = ["vi", "en"].map(|language| simple.documentation(language));
    if words.iter().all(|words| !words.is_empty()) {
        return words;
    }
    let facets = simple.parts().flat_map(Node::parts);
    let facets = facets.map(|facet| format!("{} {}", facet.name, facet.attribute("value").unwrap_or_default()));
    let facets = facets.collect::<Vec<_>>().join("; ");
    [facets.clone(), facets]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::Library;

    #[test]
    fn every_value_of_the_embedded_schemas_has_its_form_and_meaning_in_both_languages() {
        let library = Library::embedded();
        let mut count = 0;
        for entry in library.entries() {
            for field in fields(entry.text()).unwrap() {
                let Some(form) = &field.form else { continue };
                count += 1;
                let words = form.iter().chain(&field.meaning);
                assert!(words.into_iter().all(|words| !words.is_empty()), "{} {field:?}", entry.part());
            }
        }
        assert!(count > 1_500, "{count}");
    }

    #[test]
    fn what_stands_in_every_branch_is_required() {
        let library = Library::embedded();
        let entry = library.entry("HSCHUNGTU", "2025").unwrap();
        let fields = fields(entry.text()).unwrap();
        let told = |path: &str| {
            let field = fields.iter().find(|field| field.path.ends_with(path)).unwrap();
            (field.required, field.repeated, field.form.is_some())
        };
        assert_eq!(fields[0].path, "/HSCHUNGTU");
        assert_eq!(told("/HOSO"), (true, true, false));
        assert_eq!(told("/FILEHOSO/LOAIHOSO"), (true, false, true));
        assert_eq!(told("/FILEHOSO/MACSKCB"), (false, false, true));
        assert_eq!(told("/THONGTINDONVI/MACSKCB"), (true, false, true));
        assert_eq!(fields.iter().filter(|field| field.name == "LOAIHOSO").count(), 1);
    }

    #[test]
    fn a_type_that_holds_itself_comes_to_an_end() {
        let text = "<s:schema xmlns:s='http://www.w3.org/2001/XMLSchema'><s:element name='r' type='t'/>\
                    <s:complexType name='t'><s:sequence><s:element name='a' type='t'/><s:element name='b' type='t'/>\
                    <s:element name='c' type='s:integer'/></s:sequence></s:complexType></s:schema>";
        assert!(fields(text).unwrap().len() <= FIELDS_MAX + 1);
    }
}
