//! The members of an object that fill columns or fields.
use super::json_scan::{unescape, Doubt, Kind, Scanned, Scanner, Span};

const CACHED_MEMBERS: usize = 64;

/// Which columns a member fills: by its exact name, and by its name in upper case.
#[derive(Clone, Copy)]
struct Match {
    exact: Option<u32>,
    upper: Option<u32>,
}

/// Finds the columns of member names; remembers the name seen at each position of the last document.
struct Matcher {
    names: Vec<Vec<u8>>,
    seen: Vec<(Vec<u8>, Match)>,
}

impl Matcher {
    fn find(&mut self, position: usize, name: Span, data: &[u8]) -> Match {
        let bytes = name.bytes(data);
        if let Some((known, found)) = self.seen.get(position) {
            if known == bytes && name.kind == Kind::Text {
                return *found;
            }
        }
        let found = if name.kind == Kind::Text {
            self.search(bytes)
        } else {
            let mut plain = Vec::new();
            unescape(bytes, &mut plain);
            self.search(&plain)
        };
        if name.kind == Kind::Text && position < CACHED_MEMBERS {
            self.seen.truncate(position.max(self.seen.len()));
            if position == self.seen.len() {
                self.seen.push((bytes.to_vec(), found));
            } else if position < self.seen.len() {
                self.seen[position] = (bytes.to_vec(), found);
            }
        }
        found
    }

    fn search(&self, name: &[u8]) -> Match {
        let position = |wanted: &[u8]| self.names.iter().position(|name| name == wanted).map(|at| at as u32);
        let upper = match std::str::from_utf8(name) {
            Ok(text) => position(text.to_uppercase().as_bytes()),
            Err(_) => None,
        };
        Match { exact: position(name), upper }
    }
}

/// The member whose name in upper case is a column's name.
#[derive(Clone, Copy)]
struct Candidate {
    name: Span,
    value: Span,
    has_rivals: bool,
}

impl Candidate {
    const NONE: Candidate = Candidate { name: Span::ABSENT, value: Span::ABSENT, has_rivals: false };

    /// Takes a member that matches: of several names the one that first appeared last counts, with its last value.
    #[inline]
    fn offer(&mut self, data: &[u8], name: Span, value: Span) -> Scanned<()> {
        if self.name.kind == Kind::Absent {
            *self = Candidate { name, value, has_rivals: false };
        } else if name.kind == Kind::Text && self.name.kind == Kind::Text && name.bytes(data) == self.name.bytes(data) {
            self.value = value;
        } else if self.has_rivals || name.kind != Kind::Text || self.name.kind != Kind::Text {
            return Err(Doubt);
        } else {
            *self = Candidate { name, value, has_rivals: true };
        }
        Ok(())
    }
}

/// Finds the value of each name in an object: the member of exactly that name, else one whose name in upper case
/// it is.
pub struct Members {
    matcher: Matcher,
    exact: Vec<Span>,
    upper: Vec<Candidate>,
}

impl Members {
    pub fn new(names: &[String]) -> Self {
        Members {
            matcher: Matcher { names: names.iter().map(|name| name.clone().into_bytes()).collect(), seen: Vec::new() },
            exact: vec![Span::ABSENT; names.len()],
            upper: vec![Candidate::NONE; names.len()],
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.matcher.names.iter().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Walks the object that starts here.
    #[inline]
    pub fn read(&mut self, scanner: &mut Scanner<'_>) -> Scanned<()> {
        self.exact.fill(Span::ABSENT);
        self.upper.fill(Candidate::NONE);
        let (matcher, exact, upper) = (&mut self.matcher, &mut self.exact, &mut self.upper);
        let mut position = 0;
        scanner.members(0, |data, name, value| {
            let found = matcher.find(position, name, data);
            position += 1;
            if let Some(column) = found.exact {
                exact[column as usize] = value;
            }
            if let Some(column) = found.upper {
                upper[column as usize].offer(data, name, value)?;
            }
            Ok(())
        })
    }

    /// The value of the name at a position.
    #[inline(always)]
    pub fn value(&self, position: usize) -> Span {
        let exact = self.exact[position];
        if exact.kind == Kind::Absent {
            self.upper[position].value
        } else {
            exact
        }
    }
}
