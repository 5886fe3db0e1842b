//! Which children an element has, in which order.

/// How often a child stands in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurs {
    Once,
    OnceOrMore,
    /// At most once, at any place: the text and the sample of the portal's paper disagree about it.
    PerhapsAnywhere,
}

/// Whether a child may stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Fits,
    OutOfOrder,
    Repeated,
    Unknown,
}

/// Follows the children of one element.
pub(super) struct Shape {
    children: &'static [(&'static str, Occurs)],
    /// Index of the furthest child seen.
    furthest: usize,
    /// One bit a child seen. No element of an envelope has more than four.
    seen: u32,
}

impl Shape {
    pub(super) fn new(children: &'static [(&'static str, Occurs)]) -> Self {
        Self { children, furthest: 0, seen: 0 }
    }

    /// Judges the next child.
    pub(super) fn admit(&mut self, name: &str) -> Fit {
        let found = self.children.iter().enumerate().find(|(_, (child, _))| *child == name);
        let Some((index, &(_, occurs))) = found else { return Fit::Unknown };
        let again = self.seen & (1 << index) != 0;
        self.seen |= 1 << index;
        if again && occurs != Occurs::OnceOrMore {
            return Fit::Repeated;
        }
        if occurs == Occurs::PerhapsAnywhere {
            return Fit::Fits;
        }
        if index < self.furthest {
            return Fit::OutOfOrder;
        }
        self.furthest = index;
        Fit::Fits
    }

    /// The children that had to be there and were not.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'static str> + use<> {
        let seen = self.seen;
        let required = self.children.iter().enumerate().filter(|(_, (_, occurs))| *occurs != Occurs::PerhapsAnywhere);
        required.filter(move |(index, _)| seen & (1 << index) == 0).map(|(_, (name, _))| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILDREN: &[(&str, Occurs)] =
        &[("A", Occurs::Once), ("X", Occurs::PerhapsAnywhere), ("B", Occurs::OnceOrMore), ("C", Occurs::Once)];

    #[test]
    fn children_are_judged_by_order_and_number() {
        let mut shape = Shape::new(CHILDREN);
        for (name, fit) in [
            ("B", Fit::Fits),
            ("B", Fit::Fits),
            ("X", Fit::Fits),
            ("X", Fit::Repeated),
            ("A", Fit::OutOfOrder),
            ("A", Fit::Repeated),
            ("D", Fit::Unknown),
        ] {
            assert_eq!(shape.admit(name), fit, "{name}");
        }
        assert_eq!(shape.missing().collect::<Vec<_>>(), ["C"]);
    }
}
