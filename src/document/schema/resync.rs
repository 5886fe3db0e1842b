//! The way through one element's children, and how it goes on after something wrong.
//!
//! An element that can only stand further on is taken there, and what was to come before it counts as missing, until
//! the next one tells: if that fits before it after all, the first was too early. What counted as missing and comes
//! late is out of order. What belongs further back is out of order, or once too often.

use super::Complex;
use super::fault::Code;

/// How far one element's children have come.
#[derive(Default)]
pub(super) struct Course<'a> {
    state: u16,
    /// One bit a symbol that stood here; those beyond 128 are told from others less well.
    seen: u128,
    /// What was passed over, and where.
    missing: Vec<(u16, usize)>,
    /// What came too early and is not missed at its own place.
    early: Vec<u16>,
    jump: Option<Jump<'a>>,
}

/// A child: its name, its number among those of its name, its offset.
pub(super) type Seat<'a> = (&'a str, u32, usize);

/// Whether a child fits.
pub(super) enum Verdict<'a> {
    Fits,
    /// This child, or an earlier one of the same element, is wrong.
    Wrong(Code, &'a str, u32, usize),
}

/// The last child, if something was passed over before it.
struct Jump<'a> {
    from: u16,
    symbol: u16,
    seat: Seat<'a>,
    missing: Vec<(u16, usize)>,
}

// === impl Course ===

impl<'a> Course<'a> {
    pub(super) fn state(&self) -> u16 {
        self.state
    }

    /// Takes the next child. `searching` allows to look for the way on, which takes a while.
    pub(super) fn take(&mut self, complex: &Complex, symbol: u16, seat: Seat<'a>, searching: bool) -> Verdict<'a> {
        let again = self.seen & bit(symbol) != 0;
        self.seen |= bit(symbol);
        if let Some(next) = complex.content.step(self.state, symbol) {
            self.confirm();
            self.advance(complex, symbol, seat, next);
            return Verdict::Fits;
        }
        let wrong = |code, (name, index, offset): Seat<'a>| Verdict::Wrong(code, name, index, offset);
        let takes = |state| complex.content.step(state, symbol).is_some();
        let early = self.jump.take_if(|jump| takes(jump.from));
        if let Some(early) = early {
            return wrong(Code::ElementOrder, self.go_back(complex, early, symbol, seat));
        }
        if let Some(at) = self.missing.iter().position(|(missing, _)| *missing == symbol) {
            self.confirm();
            self.missing.remove(at);
            return wrong(Code::ElementOrder, seat);
        }
        if searching && let Some((path, state)) = complex.content.path(self.state, takes) {
            self.confirm();
            let missing = self.missed(path, seat.2);
            self.jump = Some(Jump { from: self.state, symbol, seat, missing });
            self.state = complex.content.step(state, symbol).unwrap_or(state);
            return Verdict::Fits;
        }
        // Not ahead of here, but perhaps ahead of where the last child jumped from.
        let early = self.jump.take_if(|jump| searching && complex.content.path(jump.from, takes).is_some());
        if let Some(early) = early {
            return wrong(Code::ElementOrder, self.go_back(complex, early, symbol, seat));
        }
        self.confirm();
        wrong(if again { Code::RepeatedElement } else { Code::ElementOrder }, seat)
    }

    /// Ends the element, which began at `offset`: what it lacks, and where. Without `searching`, one of it.
    pub(super) fn end(&mut self, complex: &Complex, offset: usize, searching: bool) -> Vec<(u16, usize)> {
        self.confirm();
        let mut missing = std::mem::take(&mut self.missing);
        if complex.content.accepts(self.state) {
            return missing;
        }
        if searching {
            let way_out = complex.content.path(self.state, |state| complex.content.accepts(state));
            missing.extend(self.missed(way_out.unwrap_or_default().0, offset));
        } else {
            missing.extend(complex.content.expected(self.state).take(1).map(|symbol| (symbol, offset)));
        }
        missing
    }

    /// Goes on from before `early`, which came too early, and tells where that stood.
    fn go_back(&mut self, complex: &Complex, early: Jump<'a>, symbol: u16, seat: Seat<'a>) -> Seat<'a> {
        self.early.push(early.symbol);
        let takes = |state| complex.content.step(state, symbol).is_some();
        let (path, state) = complex.content.path(early.from, takes).unwrap_or((Vec::new(), early.from));
        let missing = self.missed(path, seat.2);
        self.state = state;
        if let Some(next) = complex.content.step(state, symbol) {
            self.advance(complex, symbol, seat, next);
        }
        self.missing.extend(missing);
        early.seat
    }

    fn advance(&mut self, complex: &Complex, symbol: u16, seat: Seat<'a>, next: u16) {
        if complex.hints.get(usize::from(self.state)).copied().flatten() != Some(symbol) {
            self.jump = Some(Jump { from: self.state, symbol, seat, missing: Vec::new() });
        }
        self.state = next;
    }

    /// The last jump was right.
    fn confirm(&mut self) {
        if let Some(jump) = self.jump.take() {
            self.missing.extend(jump.missing);
        }
    }

    /// What is missing of `path`, with those that came too early let go.
    fn missed(&mut self, path: Vec<u16>, offset: usize) -> Vec<(u16, usize)> {
        let early = &mut self.early;
        let missed = path.into_iter().filter(|symbol| {
            let came = early.iter().position(|early| early == symbol);
            came.map(|at| early.swap_remove(at)).is_none()
        });
        missed.map(|symbol| (symbol, offset)).collect()
    }
}

fn bit(symbol: u16) -> u128 {
    1_u128.checked_shl(u32::from(symbol)).unwrap_or(0)
}
