//! From the tree of an XSD to automata and facets. Every construct that is not known is refused by name: a rule
//! silently not checked is worse than a schema not accepted.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::automaton::{Automaton, Leaf, Node as Model, Refusal};
use super::facets;
use super::simple::Simple;
use super::source::Node;
use super::{AnyNamespace, Attribute, Child, Complex, Schema, SchemaError, Type};

/// Compiles a schema.
pub(super) fn compile(root: &Node) -> Result<Schema, SchemaError> {
    root.only(&["version", "elementFormDefault", "attributeFormDefault", "xml:lang"])?;
    let mut compiler = Compiler::default();
    for part in root.parts() {
        match part.name.as_str() {
            "element" => {}
            "simpleType" | "complexType" => {
                let name = part.required("name")?;
                if compiler.named.insert(name, (part, None)).is_some() {
                    return Err(part.refuse("a name given twice"));
                }
            }
            _ => return Err(part.refuse("at the top")),
        }
    }
    let mut roots = Vec::new();
    for element in root.parts().filter(|part| part.name == "element") {
        element.only(&["name", "type"])?;
        let (name, type_index) = (element.required("name")?.into(), compiler.element_type(element)?);
        roots.push(Child { name, type_index, repeated: false });
    }
    if roots.is_empty() {
        return Err(root.refuse("no element at the top"));
    }
    let names: Vec<&str> = compiler.named.keys().copied().collect();
    for name in names {
        // Types nothing uses are compiled too, so that what is wrong with them is heard of.
        compiler.named_type(root, name)?;
    }
    let types = compiler.types.into_iter().flatten().collect();
    Ok(Schema { roots, types, slots: OnceLock::new() })
}

#[derive(Default)]
struct Compiler<'n> {
    named: BTreeMap<&'n str, (&'n Node, Option<usize>)>,
    /// `None` while a type that may hold itself is being compiled.
    types: Vec<Option<Type>>,
    built_in: BTreeMap<String, usize>,
}

/// The children of one complex type, while it is compiled.
#[derive(Default)]
struct Children {
    list: Vec<Child>,
    any: Option<AnyNamespace>,
    origins: u16,
}

/// Stands for `xs:any` until the number of names is known.
const ANY: u16 = u16::MAX;

// === impl Compiler ===

impl<'n> Compiler<'n> {
    fn element_type(&mut self, element: &'n Node) -> Result<usize, SchemaError> {
        let mut parts = element.parts();
        match (element.attribute("type"), parts.next(), parts.next()) {
            (Some(name), None, _) => self.named_type(element, name),
            (None, Some(inline), None) => match inline.name.as_str() {
                "complexType" => self.reserve(|compiler| compiler.complex(inline, &["mixed"])),
                "simpleType" => {
                    let simple = self.simple(inline, &[])?;
                    self.reserve(|_| Ok(Type::Simple(simple)))
                }
                _ => Err(inline.refuse("within xs:element")),
            },
            (None, None, _) => Err(element.refuse("no type (any content)")),
            _ => Err(element.refuse("more than one type")),
        }
    }

    fn named_type(&mut self, user: &Node, name: &str) -> Result<usize, SchemaError> {
        if let Some((key, &(node, index))) = self.named.get_key_value(name) {
            if let Some(index) = index {
                return Ok(index);
            }
            let (key, index) = (*key, self.types.len());
            self.named.insert(key, (node, Some(index)));
            return self.reserve(|compiler| match node.name.as_str() {
                "simpleType" => compiler.simple(node, &["name"]).map(Type::Simple),
                _ => compiler.complex(node, &["name", "mixed"]),
            });
        }
        if let Some(&index) = self.built_in.get(name) {
            return Ok(index);
        }
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        let simple = Simple::built_in(local).filter(|_| name.contains(':'));
        let simple = simple.ok_or_else(|| user.refuse(&format!("the type {name}")))?;
        let index = self.reserve(|_| Ok(Type::Simple(simple)))?;
        self.built_in.insert(name.to_owned(), index);
        Ok(index)
    }

    /// Keeps a place for a type while it is compiled, so that it may refer to itself.
    fn reserve(&mut self, make: impl FnOnce(&mut Self) -> Result<Type, SchemaError>) -> Result<usize, SchemaError> {
        let index = self.types.len();
        self.types.push(None);
        let made = make(self)?;
        if let Some(slot) = self.types.get_mut(index) {
            *slot = Some(made);
        }
        Ok(index)
    }

    fn simple(&mut self, node: &'n Node, known: &[&str]) -> Result<Simple, SchemaError> {
        node.only(known)?;
        let mut parts = node.parts();
        let restriction = match (parts.next(), parts.next()) {
            (Some(restriction), None) if restriction.name == "restriction" => restriction,
            (Some(other), _) => return Err(other.refuse("within xs:simpleType")),
            (None, _) => return Err(node.refuse("nothing in it")),
        };
        restriction.only(&["base"])?;
        let base = self.simple_named(restriction, restriction.required("base")?)?;
        facets::restrict(base, restriction, node)
    }

    fn simple_named(&mut self, user: &Node, name: &str) -> Result<Simple, SchemaError> {
        let index = self.named_type(user, name)?;
        match self.types.get(index) {
            Some(Some(Type::Simple(simple))) => Ok(simple.clone()),
            Some(None) => Err(user.refuse(&format!("the type {name}, derived from itself"))),
            _ => Err(user.refuse(&format!("the type {name}, which is not simple"))),
        }
    }

    fn complex(&mut self, node: &'n Node, known: &[&str]) -> Result<Type, SchemaError> {
        node.only(known)?;
        let mixed = match node.attribute("mixed") {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return Err(node.refuse("attribute mixed")),
        };
        let mut complex = Complex { mixed, ..Complex::default() };
        let mut children = Children::default();
        let mut model = None;
        for part in node.parts() {
            match part.name.as_str() {
                "sequence" | "choice" if model.is_none() => model = Some(self.particle(part, &mut children)?),
                "attribute" => complex.attributes.push(self.attribute(part)?),
                "anyAttribute" => {
                    part.only(&["namespace", "processContents"])?;
                    let any = part.attribute("namespace").is_none_or(|namespace| namespace == "##any");
                    if !any || part.attribute("processContents") != Some("skip") {
                        return Err(part.refuse("other than namespace ##any and processContents skip"));
                    }
                    complex.any_attribute = true;
                }
                _ => return Err(part.refuse("within xs:complexType")),
            }
        }
        let symbols = children.list.len() + 1;
        let any = u16::try_from(children.list.len()).map_err(|_| node.refuse("too many names"))?;
        let model = renumber(model.unwrap_or(Model::Empty), any);
        complex.content = Automaton::build(&model, symbols, true).map_err(|refusal| match refusal {
            Refusal::TooLarge => node.refuse("a content too large"),
            Refusal::Ambiguous(symbol) => {
                let name = children.list.get(usize::from(symbol)).map_or("xs:any", |child| &*child.name);
                node.refuse(&format!("two declarations claim the same {name} (Unique Particle Attribution)"))
            }
        })?;
        complex.hints = (0..).take(complex.content.len()).map(|state| complex.content.expected(state).next()).collect();
        if children.any == Some(AnyNamespace::Any) {
            let both = |state: u16| {
                complex.content.step(state, any).is_some() && complex.content.expected(state).any(|one| one != any)
            };
            if (0..).take(complex.content.len()).any(both) {
                return Err(node.refuse("xs:any beside elements it could be (Unique Particle Attribution)"));
            }
        }
        complex.by_name = children.list.iter().map(|child| child.name.clone()).zip(0..).collect();
        complex.any = children.any.map(|namespace| (any, namespace));
        complex.children = children.list;
        Ok(Type::Complex(complex))
    }

    fn particle(&mut self, node: &'n Node, children: &mut Children) -> Result<Model<Leaf>, SchemaError> {
        let (min, max) = occurs(node)?;
        let one = match node.name.as_str() {
            "sequence" | "choice" => {
                node.only(&["minOccurs", "maxOccurs"])?;
                let parts: Result<Vec<_>, _> = node.parts().map(|part| self.particle(part, children)).collect();
                if node.name == "sequence" { Model::Sequence(parts?) } else { Model::Choice(parts?) }
            }
            "element" => {
                node.only(&["name", "type", "minOccurs", "maxOccurs"])?;
                let (name, type_index) = (node.required("name")?, self.element_type(node)?);
                let repeated = max.is_none_or(|max| max > 1);
                children.element(node, Child { name: name.into(), type_index, repeated })?
            }
            "any" => {
                node.only(&["namespace", "processContents", "minOccurs", "maxOccurs"])?;
                if node.attribute("processContents") != Some("skip") {
                    return Err(node.refuse("processContents other than skip"));
                }
                let namespace = match node.attribute("namespace") {
                    None | Some("##any") => AnyNamespace::Any,
                    Some("##other") => AnyNamespace::Other,
                    Some(_) => return Err(node.refuse("namespace other than ##any and ##other")),
                };
                if children.any.is_some_and(|known| known != namespace) {
                    return Err(node.refuse("two kinds of it in one type"));
                }
                children.any = Some(namespace);
                children.leaf(ANY)
            }
            _ => return Err(node.refuse("within a content model")),
        };
        Ok(if (min, max) == (1, Some(1)) { one } else { Model::Repeat(Box::new(one), min, max) })
    }

    fn attribute(&mut self, node: &'n Node) -> Result<Attribute, SchemaError> {
        node.only(&["name", "type", "use"])?;
        if let Some(part) = node.parts().next() {
            return Err(part.refuse("within xs:attribute"));
        }
        let required = match node.attribute("use") {
            None | Some("optional") => false,
            Some("required") => true,
            Some(_) => return Err(node.refuse("attribute use")),
        };
        let value = self.simple_named(node, node.required("type")?)?;
        Ok(Attribute { name: node.required("name")?.into(), required, value })
    }
}

// === impl Children ===

impl Children {
    fn leaf(&mut self, symbol: u16) -> Model<Leaf> {
        self.origins = self.origins.saturating_add(1);
        Model::Leaf(Leaf { symbols: vec![symbol], origin: self.origins })
    }

    fn element(&mut self, node: &Node, child: Child) -> Result<Model<Leaf>, SchemaError> {
        let at = match self.list.iter().position(|known| known.name == child.name) {
            None => {
                self.list.push(child);
                self.list.len() - 1
            }
            Some(at) => {
                let same = self.list.get(at).is_some_and(|known| known.type_index == child.type_index);
                if !same {
                    return Err(node.refuse("one name with two types (Element Declarations Consistent)"));
                }
                at
            }
        };
        let symbol = u16::try_from(at).map_err(|_| node.refuse("too many names"))?;
        Ok(self.leaf(symbol))
    }
}

fn renumber(model: Model<Leaf>, any: u16) -> Model<Leaf> {
    let all = |models: Vec<Model<Leaf>>| models.into_iter().map(|model| renumber(model, any)).collect();
    match model {
        Model::Empty => Model::Empty,
        Model::Sequence(models) => Model::Sequence(all(models)),
        Model::Choice(models) => Model::Choice(all(models)),
        Model::Repeat(model, min, max) => Model::Repeat(Box::new(renumber(*model, any)), min, max),
        Model::Leaf(Leaf { symbols, origin }) => {
            let symbols = symbols.into_iter().map(|symbol| if symbol == ANY { any } else { symbol }).collect();
            Model::Leaf(Leaf { symbols, origin })
        }
    }
}

fn occurs(node: &Node) -> Result<(u32, Option<u32>), SchemaError> {
    let number = |name: &str, text: &str| {
        text.parse::<u32>().ok().filter(|&count| count <= 1_000).ok_or_else(|| node.refuse(&format!("{name} {text}")))
    };
    let min = node.attribute("minOccurs").map_or(Ok(1), |text| number("minOccurs", text))?;
    let max = match node.attribute("maxOccurs") {
        None => Some(1),
        Some("unbounded") => None,
        Some(text) => Some(number("maxOccurs", text)?),
    };
    if max.is_some_and(|max| max < min) {
        return Err(node.refuse("maxOccurs below minOccurs"));
    }
    Ok((min, max))
}
