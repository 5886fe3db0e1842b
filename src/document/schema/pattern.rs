//! Patterns of XSD 1.0 (appendix F), compiled to automata: anchored at both ends and linear in the value, whatever
//! the pattern.
//!
//! Known: literals, `.`, classes of characters and ranges, `\s` `\S` and escaped characters, groups, `|`, quantifiers.
//! Refused by name: `\d`, `\w` and other classes that stand for Unicode categories, and class subtraction. No rule of
//! the portal speaks of digits beyond 0 to 9.

use super::automaton::{Automaton, Leaf, Node, Refusal};

/// A compiled pattern; several alternatives of one step count as one.
#[derive(Debug)]
pub(in super::super) struct Pattern {
    automaton: Automaton,
    /// Where each class of characters begins.
    starts: Vec<u32>,
    ascii: [u16; 128],
}

/// Why a pattern was refused: the construct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Unknown(pub(in super::super) String);

/// Ranges of characters, sorted and apart.
type Set = Vec<(u32, u32)>;

const LAST: u32 = char::MAX as u32;

// === impl Pattern ===

impl Pattern {
    /// Compiles the alternatives.
    pub(in super::super) fn compile(alternatives: &[&str]) -> Result<Self, Unknown> {
        let parsed = alternatives.iter().map(|text| Parser::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let node = Node::Choice(parsed);
        let mut starts = vec![0];
        cuts(&node, &mut starts);
        starts.sort_unstable();
        starts.dedup();
        let class = |character: u32| {
            let at = starts.partition_point(|&start| start <= character);
            u16::try_from(at.saturating_sub(1)).unwrap_or(u16::MAX)
        };
        let mut origin = 0;
        let leaves = leaves(&node, &starts, &mut origin);
        let automaton = Automaton::build(&leaves, starts.len(), false);
        let automaton = automaton.map_err(|refusal: Refusal| Unknown(format!("{refusal:?}")))?;
        let ascii = std::array::from_fn(|byte| class(u32::try_from(byte).unwrap_or_default()));
        Ok(Self { automaton, ascii, starts })
    }

    fn class(&self, code: u32) -> u16 {
        u16::try_from(self.starts.partition_point(|&start| start <= code).saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// Whether the whole value has the form.
    pub(in super::super) fn matches(&self, value: &str) -> bool {
        let mut state = 0;
        for character in value.chars() {
            let code = u32::from(character);
            let class = match self.ascii.get(code as usize) {
                Some(class) => *class,
                None => self.class(code),
            };
            match self.automaton.step(state, class) {
                Some(next) => state = next,
                None => return false,
            }
        }
        self.automaton.accepts(state)
    }
}

fn cuts(node: &Node<Set>, starts: &mut Vec<u32>) {
    match node {
        Node::Empty => {}
        Node::Leaf(set) => starts.extend(set.iter().flat_map(|&(low, high)| [low, high + 1])),
        Node::Sequence(nodes) | Node::Choice(nodes) => nodes.iter().for_each(|node| cuts(node, starts)),
        Node::Repeat(node, ..) => cuts(node, starts),
    }
}

fn leaves(node: &Node<Set>, starts: &[u32], origin: &mut u16) -> Node<Leaf> {
    let mut all = |nodes: &[Node<Set>]| nodes.iter().map(|node| leaves(node, starts, origin)).collect();
    match node {
        Node::Empty => Node::Empty,
        Node::Sequence(nodes) => Node::Sequence(all(nodes)),
        Node::Choice(nodes) => Node::Choice(all(nodes)),
        Node::Repeat(node, min, max) => Node::Repeat(Box::new(leaves(node, starts, origin)), *min, *max),
        Node::Leaf(set) => {
            *origin = origin.saturating_add(1);
            let inside = |start: u32| set.iter().any(|&(low, high)| low <= start && start <= high);
            let symbols = (0_u16..).zip(starts).filter(|(_, start)| inside(**start)).map(|(class, _)| class).collect();
            Node::Leaf(Leaf { symbols, origin: *origin })
        }
    }
}

struct Parser<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    depth: u32,
}

/// Groups within groups; the deepest of ours has two.
const DEPTH_MAX: u32 = 32;
/// Counts in braces.
const COUNT_MAX: u32 = 4_096;

// === impl Parser ===

impl Parser<'_> {
    fn parse(text: &str) -> Result<Node<Set>, Unknown> {
        let mut parser = Parser { rest: text.chars().peekable(), depth: 0 };
        let node = parser.alternatives()?;
        match parser.rest.next() {
            None => Ok(node),
            Some(left) => Err(Unknown(format!("{left} without its other half"))),
        }
    }

    fn alternatives(&mut self) -> Result<Node<Set>, Unknown> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Unknown("groups nested too deeply".to_owned()));
        }
        let mut branches = vec![self.branch()?];
        while self.rest.next_if_eq(&'|').is_some() {
            branches.push(self.branch()?);
        }
        self.depth -= 1;
        Ok(Node::Choice(branches))
    }

    fn branch(&mut self) -> Result<Node<Set>, Unknown> {
        let mut pieces = Vec::new();
        while let Some(&next) = self.rest.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let atom = self.atom()?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(if pieces.is_empty() { Node::Empty } else { Node::Sequence(pieces) })
    }

    fn atom(&mut self) -> Result<Node<Set>, Unknown> {
        let one = |character: char| vec![(u32::from(character), u32::from(character))];
        match self.rest.next() {
            Some('(') => {
                let inner = self.alternatives()?;
                self.rest.next_if_eq(&')').ok_or_else(|| Unknown("( without )".to_owned()))?;
                Ok(inner)
            }
            Some('[') => self.class().map(Node::Leaf),
            Some('.') => Ok(Node::Leaf(complement(&union(one('\n'), one('\r'))))),
            Some('\\') => self.escape().map(Node::Leaf),
            Some(stray @ ('?' | '*' | '+' | '{' | '}' | ']' | ')')) => Err(Unknown(format!("a stray {stray}"))),
            Some(literal) => Ok(Node::Leaf(one(literal))),
            None => Err(Unknown("an end too early".to_owned())),
        }
    }

    fn quantified(&mut self, atom: Node<Set>) -> Result<Node<Set>, Unknown> {
        let (min, max) = match self.rest.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                let inside: String = self.rest.by_ref().skip(1).take_while(|&c| c != '}').collect();
                let (low, high) = inside.split_once(',').unwrap_or((&inside, &inside));
                let low = count(low)?;
                let high = if high.is_empty() { None } else { Some(count(high)?) };
                if high.is_some_and(|high| high < low) {
                    return Err(Unknown(format!("{{{inside}}}")));
                }
                return Ok(Node::Repeat(Box::new(atom), low, high));
            }
            _ => return Ok(atom),
        };
        self.rest.next();
        Ok(Node::Repeat(Box::new(atom), min, max))
    }

    fn class(&mut self) -> Result<Set, Unknown> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut set = Set::new();
        let mut first = true;
        loop {
            let item = match self.rest.next() {
                None => return Err(Unknown("[ without ]".to_owned())),
                Some(']') if !first => break,
                Some('[') => return Err(Unknown("[ inside a class (class subtraction)".to_owned())),
                Some(']') => return Err(Unknown("an empty class".to_owned())),
                Some('\\') => self.escape()?,
                Some(character) => vec![(u32::from(character), u32::from(character))],
            };
            first = false;
            set = union(set, self.range(item)?);
        }
        Ok(if negated { complement(&set) } else { set })
    }

    /// What follows the first item of what may be a range.
    fn range(&mut self, low: Set) -> Result<Set, Unknown> {
        let mut ahead = self.rest.clone();
        let closes = ahead.next() == Some('-') && matches!(ahead.next(), None | Some(']'));
        if closes || self.rest.peek() != Some(&'-') {
            return Ok(low);
        }
        self.rest.next();
        let high = match self.rest.next() {
            Some('\\') => self.escape()?,
            Some('[') | None => return Err(Unknown("-[ (class subtraction)".to_owned())),
            Some(character) => vec![(u32::from(character), u32::from(character))],
        };
        match (low.as_slice(), high.as_slice()) {
            (&[(from, from_end)], &[(to, to_end)]) if from == from_end && to == to_end && from <= to => {
                Ok(vec![(from, to)])
            }
            _ => Err(Unknown("a range that is none".to_owned())),
        }
    }

    fn escape(&mut self) -> Result<Set, Unknown> {
        let character = match self.rest.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('s') => return Ok(vec![(9, 10), (13, 13), (32, 32)]),
            Some('S') => return Ok(complement(&vec![(9, 10), (13, 13), (32, 32)])),
            Some(mark) if r"\|.?*+(){}-[]^".contains(mark) => mark,
            Some(other) => return Err(Unknown(format!("\\{other} (write the class out, such as [0-9])"))),
            None => return Err(Unknown("\\ at the end".to_owned())),
        };
        Ok(vec![(u32::from(character), u32::from(character))])
    }
}

fn count(text: &str) -> Result<u32, Unknown> {
    text.parse().ok().filter(|&count| count <= COUNT_MAX).ok_or_else(|| Unknown(format!("the count {text}")))
}

fn union(mut one: Set, other: Set) -> Set {
    one.extend(other);
    one.sort_unstable();
    let mut merged: Set = Vec::new();
    for (low, high) in one {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

fn complement(set: &Set) -> Set {
    let mut outside = Vec::new();
    let mut from = 0;
    for &(low, high) in set {
        if from < low {
            outside.push((from, low - 1));
        }
        from = high.saturating_add(1);
    }
    if from <= LAST {
        outside.push((from, LAST));
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_as_the_standard_says() {
        for (pattern, right, wrong) in [
            ("[0-9]{2,3}", &["12", "123"][..], &["1", "1234", "1a", " 12"][..]),
            ("-?[0-9]+(\\.[0-9]{1,2})?", &["0", "-1.5", "10.25"], &["", ".5", "1.", "1.234", "+1"]),
            ("(ab|c)*", &["", "abc", "ccab"], &["a", "b"]),
            ("[^\\n]x|y", &["ax", "y", "ảx"], &["\nx", "x"]),
            (".", &["ế", "-"], &["\n", "", "ab"]),
            ("a{0}b", &["b"], &["ab"]),
            ("[a-c\\-]+", &["a-c"], &["d"]),
            ("[+-]", &["+", "-"], &[","]),
            ("\\S+", &["Đà"], &["a b"]),
            ("^a$", &["^a$"], &["a"]),
        ] {
            let compiled = Pattern::compile(&[pattern]).unwrap();
            for value in right {
                assert!(compiled.matches(value), "{pattern} {value:?}");
            }
            for value in wrong {
                assert!(!compiled.matches(value), "{pattern} {value:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for pattern in ["\\d", "\\p{L}", "[a-z-[aeiou]]", "(a", "a)", "a{2,1}", "a{99999}", "[]", "*", "[b-a]", "a{x}"]
        {
            assert!(Pattern::compile(&[pattern]).is_err(), "{pattern}");
        }
    }
}
