//! An XSD as a small tree: names, attributes, children, and the text of documentation.

use super::attributes;
use crate::xml::{Event, Limits, Reader, push_text};

use super::SchemaError;

/// One element of the XSD namespace, by its local name.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Node>,
    pub(super) text: String,
    pub(super) line: u32,
}

/// The namespace of XSD 1.0.
const NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema";
const LIMITS: Limits = Limits { depth_max: 64, attributes_max: 32 };

/// Reads a schema into its tree.
pub(super) fn read(text: &str) -> Result<Node, SchemaError> {
    let ill_formed = |error: crate::xml::Error| SchemaError::new("", error.position.line, error.kind.code());
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader::new(text.as_bytes(), LIMITS).map_err(ill_formed)?;
    let mut open: Vec<Node> = vec![Node::default()];
    let mut prefix = String::new();
    loop {
        match reader.read().map_err(ill_formed)? {
            Event::Start(tag) => {
                let offset = reader.offset();
                let line = reader.position_at(offset).line;
                let written = tag.written_attributes();
                let values = attributes::names(written).map(|name| {
                    let value = tag.attribute(name).unwrap_or_default().into_owned();
                    (name.to_owned(), value)
                });
                let values: Vec<(String, String)> = values.collect();
                if open.len() == 1 {
                    prefix = prefix_of(&values)
                        .ok_or_else(|| SchemaError::new(tag.name, line, "not an element of XML Schema"))?;
                } else if values.iter().any(|(name, _)| name == "xmlns" || name.starts_with("xmlns:")) {
                    return Err(SchemaError::new(tag.name, line, "namespace declarations below xs:schema"));
                }
                let local = tag.name.strip_prefix(prefix.as_str()).filter(|local| !local.contains(':'));
                let local = local.ok_or_else(|| SchemaError::new(tag.name, line, "not an element of XML Schema"))?;
                let kept = values.into_iter().filter(|(name, _)| !name.starts_with("xmlns")).collect();
                open.push(Node { name: local.to_owned(), attributes: kept, line, ..Node::default() });
            }
            Event::End => {
                let closed = open.pop().unwrap_or_default();
                if let Some(parent) = open.last_mut() {
                    parent.children.push(closed);
                }
            }
            Event::Text(piece) => {
                if let Some(node) = open.last_mut() {
                    push_text(&mut node.text, piece);
                }
            }
            Event::Character(character) => {
                if let Some(node) = open.last_mut() {
                    node.text.push(character);
                }
            }
            Event::Eof => break,
        }
    }
    let root = open.pop().and_then(|mut top| top.children.pop()).unwrap_or_default();
    if root.name == "schema" { Ok(root) } else { Err(SchemaError::new(&root.name, root.line, "the root")) }
}

/// The prefix (with its colon, or nothing) that stands for XML Schema.
fn prefix_of(attributes: &[(String, String)]) -> Option<String> {
    let (name, _) = attributes.iter().find(|(name, value)| name.starts_with("xmlns") && value == NAMESPACE)?;
    let prefix = name.strip_prefix("xmlns").unwrap_or_default();
    Some(prefix.strip_prefix(':').map_or_else(String::new, |prefix| format!("{prefix}:")))
}

// === impl Node ===

impl Node {
    /// An attribute's value.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// An attribute that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, SchemaError> {
        self.attribute(name).ok_or_else(|| self.refuse(&format!("no attribute {name}")))
    }

    /// Refuses attributes other than `known` (and `id`, which means nothing).
    pub(super) fn only(&self, known: &[&str]) -> Result<(), SchemaError> {
        let strange = self.attributes.iter().find(|(name, _)| name != "id" && !known.contains(&name.as_str()));
        strange.map_or(Ok(()), |(name, value)| Err(self.refuse(&format!("attribute {name}=\"{value}\""))))
    }

    /// The children but for annotations.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter(|child| child.name != "annotation")
    }

    /// What is said of this construct: the documentation in a language.
    pub(super) fn documentation(&self, language: &str) -> String {
        let found = self.annotations("documentation").find(|node| node.attribute("xml:lang") == Some(language));
        found.map(|node| node.text.trim().to_owned()).unwrap_or_default()
    }

    /// The line of the first declaration of an element of this name.
    pub(super) fn line_of_element(&self, name: &str) -> Option<u32> {
        let here = self.name == "element" && self.attribute("name") == Some(name);
        let inside = || self.children.iter().find_map(|child| child.line_of_element(name));
        if here { Some(self.line) } else { inside() }
    }

    /// What is said to programs.
    pub(super) fn appinfo(&self) -> Option<&str> {
        self.annotations("appinfo").next().map(|node| node.text.trim())
    }

    /// This construct is not known here.
    pub(super) fn refuse(&self, what: &str) -> SchemaError {
        SchemaError::new(&format!("xs:{}", self.name), self.line, what)
    }

    fn annotations<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        let annotations = self.children.iter().filter(|child| child.name == "annotation");
        annotations.flat_map(|annotation| &annotation.children).filter(move |child| child.name == name)
    }
}
