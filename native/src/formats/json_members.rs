//! The members of an object that fill columns or fields.
use super::columns::Out;
use super::json_scan::{unescape, Doubt, Kind, Scanned, Scanner, Span, MAX_DEPTH};

const CACHED_MEMBERS: usize = 64;

/// Which columns a member fills: by its exact name, and by its name in upper case.
#[derive(Clone, Copy)]
struct Match {
    exact: Option<u32>,
    upper: Option<u32>,
}

/// A name as it stood in an earlier document, with its quotes and the colon behind it.
struct Seen {
    token: Vec<u8>,
    found: Match,
}

/// Finds the columns of member names; remembers the name seen at each position of the last document.
struct Matcher {
    names: Vec<Vec<u8>>,
    seen: Vec<Seen>,
}

impl Matcher {
    /// Takes the name at this position where it is the one of the last document.
    #[inline(always)]
    fn expected(&self, position: usize, scanner: &mut Scanner<'_>) -> Option<(Span, Match)> {
        let seen = self.seen.get(position)?;
        if !scanner.data[scanner.at..].starts_with(&seen.token) {
            return None;
        }
        let start = scanner.at + 1;
        scanner.at += seen.token.len();
        let name = Span { kind: Kind::Text, start: start as u32, end: scanner.at as u32 - 2 };
        Some((name, seen.found))
    }

    fn find(&mut self, position: usize, name: Span, data: &[u8]) -> Match {
        let bytes = name.bytes(data);
        if name.kind != Kind::Text {
            let mut plain = Vec::new();
            unescape(bytes, &mut plain);
            return self.search(&plain);
        }
        let found = self.search(bytes);
        if position < CACHED_MEMBERS && position <= self.seen.len() {
            let token = [b"\"", bytes, b"\":"].concat();
            self.seen.truncate(position);
            self.seen.push(Seen { token, found });
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
        } else if value.kind == Kind::Taken || self.value.kind == Kind::Taken {
            return Err(Doubt);
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

    /// Walks the object that starts here.  Objects of columns with fields fill these at once.
    #[inline]
    pub fn read(&mut self, scanner: &mut Scanner<'_>, outs: &mut [Out], depth: usize) -> Scanned<()> {
        self.exact.fill(Span::ABSENT);
        self.upper.fill(Candidate::NONE);
        if depth >= MAX_DEPTH {
            return Err(Doubt);
        }
        scanner.at += 1;
        if scanner.skip_white() == b'}' {
            scanner.at += 1;
            return Ok(());
        }
        let mut position = 0;
        loop {
            let (name, found) = match self.matcher.expected(position, scanner) {
                Some(expected) => expected,
                None => {
                    let name = scanner.name()?;
                    (name, self.matcher.find(position, name, scanner.data))
                }
            };
            position += 1;
            let value = match scanner.skip_white() {
                b'"' => scanner.string()?,
                b'{' => self.object(scanner, found, outs, depth)?,
                b'-' | b'0'..=b'9' => {
                    let start = scanner.at as u32;
                    Span { kind: scanner.number()?, start, end: scanner.at as u32 }
                }
                _ => scanner.nested(depth + 1)?,
            };
            if let Some(column) = found.exact {
                let column = column as usize;
                let taken = |span: Span| span.kind == Kind::Taken;
                if taken(self.exact[column]) || taken(self.upper[column].value) {
                    return Err(Doubt);
                }
                self.exact[column] = value;
            }
            if let Some(column) = found.upper {
                self.upper[column as usize].offer(scanner.data, name, value)?;
            }
            match scanner.skip_white() {
                b',' => {
                    scanner.at += 1;
                    scanner.skip_white();
                }
                b'}' => {
                    scanner.at += 1;
                    return Ok(());
                }
                _ => return Err(Doubt),
            }
        }
    }

    #[inline(never)]
    fn object(&mut self, scanner: &mut Scanner<'_>, found: Match, outs: &mut [Out], depth: usize) -> Scanned<Span> {
        let column = match (found.exact, found.upper) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        };
        match column {
            Some(column) if outs[column as usize].has_fields() => {
                let start = scanner.at as u32;
                outs[column as usize].push_object(scanner, depth + 1)?;
                Ok(Span { kind: Kind::Taken, start, end: scanner.at as u32 })
            }
            _ => scanner.nested(depth + 1),
        }
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
