//! Finite automata over small alphabets: content models (symbols are element names) and patterns (symbols are classes
//! of characters) alike. Built by positions (Glushkov), made deterministic by subsets, run by one table look-up a
//! symbol. What would grow too large is refused when it is built, never when it is run.

use std::collections::BTreeMap;

/// What is to be recognised.
#[derive(Clone, Debug)]
pub(super) enum Node<L> {
    Empty,
    Leaf(L),
    Sequence(Vec<Node<L>>),
    Choice(Vec<Node<L>>),
    /// At least so often, at most so often (`None`: without bound).
    Repeat(Box<Node<L>>, u32, Option<u32>),
}

/// One position of a [`Node`].
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The symbols that may stand here.
    pub(super) symbols: Vec<u16>,
    /// Which declaration this is; two that can take the same symbol at the same place are ambiguous.
    pub(super) origin: u16,
}

/// Why no automaton was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooLarge,
    /// Unique Particle Attribution (XSD 1.0, section 3.8.6) is violated for this symbol.
    Ambiguous(u16),
}

/// A deterministic automaton. State 0 is the start.
#[derive(Debug)]
pub(super) struct Automaton {
    symbols: usize,
    next: Vec<u16>,
    accepting: Vec<bool>,
}

/// Positions of one automaton: the largest record has 70, a pattern `{0,4000}` 4,000.
const POSITIONS_MAX: usize = 8_000;
/// Cells of one table: 8 MiB.
const CELLS_MAX: usize = 4 << 20;
const NONE: u16 = u16::MAX;

// === impl Automaton ===

impl Automaton {
    /// Builds the automaton of `node` over `symbols` symbols. `unique` demands Unique Particle Attribution.
    pub(super) fn build(node: &Node<Leaf>, symbols: usize, unique: bool) -> Result<Self, Refusal> {
        let mut positions = Positions::default();
        let whole = positions.add(node)?;
        let mut automaton = Self { symbols, next: Vec::new(), accepting: Vec::new() };
        // A state is the set of positions just passed; `None` is the start, before any.
        let mut known: BTreeMap<Vec<u16>, u16> = BTreeMap::new();
        let mut states: Vec<Option<Vec<u16>>> = vec![None];
        let mut at = 0;
        while let Some(state) = states.get(at).cloned() {
            at += 1;
            let (follow, accepting) = match &state {
                None => (whole.first.clone(), whole.nullable),
                Some(passed) => (positions.after(passed), passed.iter().any(|position| whole.last.contains(position))),
            };
            automaton.accepting.push(accepting);
            let mut targets: Vec<Vec<u16>> = vec![Vec::new(); symbols];
            for &position in &follow {
                let Some(leaf) = positions.leaves.get(usize::from(position)) else { continue };
                for &symbol in &leaf.symbols {
                    let Some(target) = targets.get_mut(usize::from(symbol)) else { continue };
                    let another = target.first().and_then(|first| positions.leaves.get(usize::from(*first)));
                    if unique && another.is_some_and(|another| another.origin != leaf.origin) {
                        return Err(Refusal::Ambiguous(symbol));
                    }
                    target.push(position);
                }
            }
            for target in targets {
                let number = if target.is_empty() {
                    NONE
                } else if let Some(&number) = known.get(&target) {
                    number
                } else {
                    let number = u16::try_from(states.len()).ok().filter(|&number| number != NONE);
                    let number = number.ok_or(Refusal::TooLarge)?;
                    known.insert(target.clone(), number);
                    states.push(Some(target));
                    number
                };
                automaton.next.push(number);
            }
            if automaton.next.len() > CELLS_MAX {
                return Err(Refusal::TooLarge);
            }
        }
        Ok(automaton)
    }

    /// Recognises nothing but nothing.
    pub(super) fn nothing() -> Self {
        Self { symbols: 0, next: Vec::new(), accepting: vec![true] }
    }

    /// The state after `symbol` in `state`.
    pub(super) fn step(&self, state: u16, symbol: u16) -> Option<u16> {
        let next = *self.next.get(usize::from(state) * self.symbols + usize::from(symbol))?;
        (next != NONE).then_some(next)
    }

    /// Whether everything may end in `state`.
    pub(super) fn accepts(&self, state: u16) -> bool {
        self.accepting.get(usize::from(state)).copied().unwrap_or(false)
    }

    /// The symbols that may follow in `state`, in their order.
    pub(super) fn expected(&self, state: u16) -> impl Iterator<Item = u16> {
        let start = usize::from(state) * self.symbols;
        let row = self.next.get(start..start + self.symbols).unwrap_or_default();
        (0_u16..).zip(row).filter(|(_, next)| **next != NONE).map(|(symbol, _)| symbol)
    }

    /// The number of states.
    pub(super) fn len(&self) -> usize {
        self.accepting.len()
    }

    /// The fewest symbols that lead from `state` to a state that `reached` holds for, and that state.
    pub(super) fn path(&self, state: u16, reached: impl Fn(u16) -> bool) -> Option<(Vec<u16>, u16)> {
        let mut came: Vec<Option<(u16, u16)>> = vec![None; self.len()];
        let mut queue = std::collections::VecDeque::from([state]);
        while let Some(current) = queue.pop_front() {
            if reached(current) {
                let mut path = Vec::new();
                let mut back = current;
                while back != state
                    && let Some((from, symbol)) = came.get(usize::from(back)).copied().flatten()
                {
                    path.push(symbol);
                    back = from;
                }
                path.reverse();
                return Some((path, current));
            }
            for symbol in self.expected(current) {
                let Some(next) = self.step(current, symbol) else { continue };
                if let Some(slot) = came.get_mut(usize::from(next))
                    && slot.is_none()
                    && next != state
                {
                    *slot = Some((current, symbol));
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// The positions of a node and which may follow which.
#[derive(Default)]
struct Positions {
    leaves: Vec<Leaf>,
    follow: Vec<Vec<u16>>,
    edges: usize,
}

/// What is known of a part of a node.
#[derive(Clone)]
struct Fragment {
    nullable: bool,
    first: Vec<u16>,
    last: Vec<u16>,
}

// === impl Positions ===

impl Positions {
    fn add(&mut self, node: &Node<Leaf>) -> Result<Fragment, Refusal> {
        match node {
            Node::Empty => Ok(Fragment { nullable: true, first: Vec::new(), last: Vec::new() }),
            Node::Leaf(leaf) => {
                let number = u16::try_from(self.leaves.len()).map_err(|_| Refusal::TooLarge)?;
                if self.leaves.len() >= POSITIONS_MAX {
                    return Err(Refusal::TooLarge);
                }
                self.leaves.push(leaf.clone());
                self.follow.push(Vec::new());
                Ok(Fragment { nullable: false, first: vec![number], last: vec![number] })
            }
            Node::Sequence(nodes) => {
                let mut whole = Fragment { nullable: true, first: Vec::new(), last: Vec::new() };
                for node in nodes {
                    let next = self.add(node)?;
                    whole = self.join(whole, next)?;
                }
                Ok(whole)
            }
            Node::Choice(nodes) => {
                let mut whole = Fragment { nullable: nodes.is_empty(), first: Vec::new(), last: Vec::new() };
                for node in nodes {
                    let other = self.add(node)?;
                    whole.nullable |= other.nullable;
                    whole.first.extend(other.first);
                    whole.last.extend(other.last);
                }
                Ok(whole)
            }
            Node::Repeat(node, min, max) => self.repeat(node, *min, *max),
        }
    }

    fn join(&mut self, left: Fragment, right: Fragment) -> Result<Fragment, Refusal> {
        self.link(&left.last, &right.first)?;
        let mut first = left.first;
        let mut last = right.last;
        if left.nullable {
            first.extend(&right.first);
        }
        if right.nullable {
            last.extend(&left.last);
        }
        Ok(Fragment { nullable: left.nullable && right.nullable, first, last })
    }

    /// `min` copies, then a loop or nested optional ones, each of which only follows the one before it.
    fn repeat(&mut self, node: &Node<Leaf>, min: u32, max: Option<u32>) -> Result<Fragment, Refusal> {
        let mut whole = Fragment { nullable: true, first: Vec::new(), last: Vec::new() };
        for _ in 0..min {
            let next = self.add(node)?;
            whole = self.join(whole, next)?;
        }
        let Some(max) = max else {
            let next = self.add(node)?;
            self.link(&next.last, &next.first)?;
            return self.join(whole, Fragment { nullable: true, ..next });
        };
        let mut tail = whole.clone();
        for _ in min..max {
            let next = self.add(node)?;
            self.link(&tail.last, &next.first)?;
            if whole.nullable && tail.nullable {
                whole.first.extend(&next.first);
            }
            whole.last.extend(&next.last);
            tail = Fragment { nullable: tail.nullable && next.nullable, ..next };
        }
        Ok(whole)
    }

    fn link(&mut self, from: &[u16], to: &[u16]) -> Result<(), Refusal> {
        self.edges = self.edges.saturating_add(from.len().saturating_mul(to.len()));
        if self.edges > CELLS_MAX {
            return Err(Refusal::TooLarge);
        }
        for &position in from {
            if let Some(follow) = self.follow.get_mut(usize::from(position)) {
                follow.extend(to);
            }
        }
        Ok(())
    }

    /// What may follow any of `passed`, each once, in order.
    fn after(&self, passed: &[u16]) -> Vec<u16> {
        let follows = passed.iter().filter_map(|&position| self.follow.get(usize::from(position)));
        let mut after: Vec<u16> = follows.flatten().copied().collect();
        after.sort_unstable();
        after.dedup();
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(symbol: u16) -> Node<Leaf> {
        Node::Leaf(Leaf { symbols: vec![symbol], origin: symbol })
    }

    fn run(automaton: &Automaton, symbols: &[u16]) -> bool {
        let end = symbols.iter().try_fold(0, |state, &symbol| automaton.step(state, symbol));
        end.is_some_and(|state| automaton.accepts(state))
    }

    #[test]
    fn repeats_count_right() {
        for (min, max) in [(0, Some(3)), (1, Some(1)), (2, Some(4)), (0, None), (1, None), (3, None), (0, Some(0))] {
            let optional = Node::Repeat(Box::new(leaf(1)), 0, Some(1));
            let node = Node::Sequence(vec![optional, Node::Repeat(Box::new(leaf(0)), min, max)]);
            let automaton = Automaton::build(&node, 2, true).unwrap();
            for count in 0..8_u32 {
                let right = count >= min && max.is_none_or(|max| count <= max);
                let mut symbols = vec![0; count as usize];
                assert_eq!(run(&automaton, &symbols), right, "{min} {max:?} {count}");
                symbols.insert(0, 1);
                assert_eq!(run(&automaton, &symbols), right, "{min} {max:?} {count}");
            }
        }
    }

    #[test]
    fn two_declarations_for_one_place_are_ambiguous() {
        let one = Node::Leaf(Leaf { symbols: vec![0], origin: 0 });
        let other = Node::Leaf(Leaf { symbols: vec![0], origin: 1 });
        let node = Node::Sequence(vec![Node::Repeat(Box::new(one), 0, Some(1)), other]);
        assert_eq!(Automaton::build(&node, 1, true).unwrap_err(), Refusal::Ambiguous(0));
        assert!(Automaton::build(&node, 1, false).is_ok());
    }

    #[test]
    fn the_shortest_way_passes_over_what_is_optional() {
        let optional = |symbol| Node::Repeat(Box::new(leaf(symbol)), 0, Some(1));
        let node = Node::Sequence(vec![leaf(0), optional(1), leaf(2), optional(3), leaf(4)]);
        let automaton = Automaton::build(&node, 5, true).unwrap();
        let (path, end) = automaton.path(0, |state| automaton.step(state, 4).is_some()).unwrap();
        assert_eq!(path, [0, 2]);
        assert!(automaton.accepts(automaton.step(end, 4).unwrap()));
    }
}
