//! Protobuf messages into columns, along the message that the record was written with.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::columns::Out;
use super::json_scan::{Doubt, Scanned};
use super::plain_values::{push_text, Step};
use super::protobuf_scalars::{Cursor, Raw, Scalar, SIZED, VARINT};

/// What a field holds.
enum Kind {
    Scalar(Scalar),
    /// numbers and names of an enum
    Enum(Vec<(i64, Vec<u8>)>),
    Message(Message),
    /// a message of one list, which is the list
    List(Message),
    /// a message of one value, which may be absent
    Wrapper(Scalar),
    /// a repeated message of key (1) and value (2)
    Map(Box<Kind>, Box<Kind>),
}

struct Field {
    number: u32,
    kind: Kind,
    column: Option<usize>,
    has_presence: bool,
    is_repeated: bool,
}

/// A message: its fields, and the columns that none of them fills.
pub struct Message {
    fields: Vec<Field>,
    /// position by number, 0 for none, else one more
    small: [u8; 32],
    missing: Vec<usize>,
}

fn number(step: &Step, at: usize) -> PyResult<i64> {
    step.2.get(at).copied().ok_or_else(|| PyValueError::new_err("a number is missing"))
}

impl Message {
    /// Of a step whose last number counts the columns.
    pub fn new(step: Step) -> PyResult<Self> {
        let columns = number(&step, 0)? as usize;
        let fields = step.1.into_iter().map(Field::new).collect::<PyResult<Vec<_>>>()?;
        let mut small = [0; 32];
        for (at, field) in fields.iter().enumerate().take(u8::MAX as usize) {
            if let Some(slot) = small.get_mut(field.number as usize) {
                *slot = at as u8 + 1;
            }
        }
        let missing = (0..columns).filter(|at| fields.iter().all(|field| field.column != Some(*at))).collect();
        Ok(Message { fields, small, missing })
    }

    #[inline(always)]
    fn find(&self, number: u32) -> Option<usize> {
        match self.small.get(number as usize) {
            Some(0) => None,
            Some(at) => Some(*at as usize - 1),
            None => self.fields.iter().position(|field| field.number == number),
        }
    }
}

impl Field {
    fn new(step: Step) -> PyResult<Self> {
        Ok(Field {
            number: number(&step, 0)? as u32,
            column: usize::try_from(number(&step, 1)?).ok(),
            has_presence: number(&step, 2)? != 0,
            is_repeated: number(&step, 3)? != 0,
            kind: Kind::new(step)?,
        })
    }
}

impl Kind {
    fn new(step: Step) -> PyResult<Self> {
        if let Some(scalar) = Scalar::parse(&step.0) {
            return Ok(Kind::Scalar(scalar));
        }
        let Step(kind, inner, numbers, names) = step;
        let mut inner = inner.into_iter();
        let mut next = || inner.next().ok_or_else(|| PyValueError::new_err("an inner type is missing"));
        Ok(match kind.as_str() {
            "enum" => Kind::Enum(numbers[4..].iter().copied().zip(names).collect()),
            "message" => Kind::Message(Message::new(next()?)?),
            "list" => Kind::List(Message::new(next()?)?),
            "wrapper" => {
                let value = next()?;
                Kind::Wrapper(Scalar::parse(&value.0).ok_or_else(|| PyValueError::new_err("no scalar"))?)
            }
            "map" => Kind::Map(Box::new(Kind::new(next()?)?), Box::new(Kind::new(next()?)?)),
            other => return Err(PyValueError::new_err(format!("not a type of Protobuf: {other}"))),
        })
    }

    fn wire(&self) -> u8 {
        match self {
            Kind::Scalar(scalar) => scalar.wire(),
            Kind::Enum(_) => VARINT,
            _ => SIZED,
        }
    }

    /// What an absent field without presence has; of a message in a map the row form decides.
    fn default(&self) -> Scanned<Raw<'static>> {
        match self {
            Kind::Scalar(scalar) if scalar.wire() != SIZED || matches!(scalar, Scalar::Text | Scalar::Bytes) => {
                Ok(scalar.default())
            }
            Kind::Enum(_) => Ok(Raw::Word(0)),
            _ => Err(Doubt),
        }
    }
}

/// Reads messages; keeps the memory of their fields for the next one.
#[derive(Default)]
pub struct Reader {
    spare: Vec<Vec<Option<(usize, usize, u64)>>>,
}

impl Reader {
    /// Reads the fields into columns; without columns they are only checked.
    pub fn message(&mut self, message: &Message, data: &[u8], mut outs: Option<&mut [Out]>) -> Scanned<()> {
        let mut found = self.spare.pop().unwrap_or_default();
        found.clear();
        found.resize(message.fields.len(), None);
        let done = self.walk(message, data, &mut outs, &mut found);
        let done = done.and_then(|()| match outs {
            Some(outs) => self.settle(message, data, outs, &found),
            None => Ok(()),
        });
        self.spare.push(found);
        done
    }

    fn walk(
        &mut self,
        message: &Message,
        data: &[u8],
        outs: &mut Option<&mut [Out]>,
        found: &mut [Option<(usize, usize, u64)>],
    ) -> Scanned<()> {
        let mut cursor = Cursor::new(data);
        while !cursor.is_done() {
            let (number, wire) = cursor.tag()?;
            let raw = cursor.raw(wire)?;
            let Some(at) = message.find(number) else { continue };
            let field = &message.fields[at];
            if field.is_repeated {
                let out = match (outs.as_deref_mut(), field.column) {
                    (Some(outs), Some(column)) => Some(&mut outs[column]),
                    _ => None,
                };
                self.repeated(field, wire, raw, out)?;
                continue;
            }
            if wire != field.kind.wire() {
                return Err(Doubt);
            }
            if field.column.is_none() || outs.is_none() {
                self.value(&field.kind, raw, None)?;
            } else if found[at].is_some() && !matches!(field.kind, Kind::Scalar(_) | Kind::Enum(_)) {
                return Err(Doubt); // messages are merged
            } else {
                if found[at].is_some() && wire == SIZED {
                    // Only the last one counts, but each has to be right; twice some messages are merged.
                    return Err(Doubt);
                }
                found[at] = Some(match raw {
                    Raw::Word(word) => (0, 0, word),
                    Raw::Span(span) => (cursor.at - span.len(), cursor.at, 0),
                });
            }
        }
        Ok(())
    }

    /// Pushes one value a column, now that the last ones are known.
    fn settle(
        &mut self,
        message: &Message,
        data: &[u8],
        outs: &mut [Out],
        found: &[Option<(usize, usize, u64)>],
    ) -> Scanned<()> {
        for (field, value) in message.fields.iter().zip(found) {
            let Some(column) = field.column else { continue };
            let out = &mut outs[column];
            if field.is_repeated {
                if matches!(field.kind, Kind::Map(..)) && out.has_doubtful_keys() {
                    return Err(Doubt);
                }
                out.close_row();
                continue;
            }
            match value {
                Some((start, end, word)) => {
                    let raw =
                        if field.kind.wire() == SIZED { Raw::Span(&data[*start..*end]) } else { Raw::Word(*word) };
                    self.value(&field.kind, raw, Some(out))?;
                }
                None if field.has_presence => out.push_null(),
                None => self.value(&field.kind, field.kind.default()?, Some(out))?,
            }
        }
        message.missing.iter().for_each(|column| outs[*column].push_null());
        Ok(())
    }

    fn repeated(&mut self, field: &Field, wire: u8, raw: Raw<'_>, mut out: Option<&mut Out>) -> Scanned<()> {
        let expected = field.kind.wire();
        if let Kind::Map(key, value) = &field.kind {
            let Raw::Span(span) = raw else { return Err(Doubt) };
            return self.entry(key, value, span, out);
        }
        if wire == expected {
            return self.value(&field.kind, raw, out.map(|out| &mut out.children()[0]));
        }
        let (Raw::Span(span), true) = (raw, expected != SIZED) else { return Err(Doubt) };
        let mut packed = Cursor::new(span);
        while !packed.is_done() {
            let raw = packed.raw(expected)?;
            self.value(&field.kind, raw, out.as_deref_mut().map(|out| &mut out.children()[0]))?;
        }
        Ok(())
    }

    fn entry(&mut self, key: &Kind, value: &Kind, span: &[u8], out: Option<&mut Out>) -> Scanned<()> {
        let mut cursor = Cursor::new(span);
        let mut parts: [Option<Raw<'_>>; 2] = [None, None];
        while !cursor.is_done() {
            let (number, wire) = cursor.tag()?;
            let raw = cursor.raw(wire)?;
            let (part, kind) = match number {
                1 => (0, key),
                2 => (1, value),
                // Some readers take such an entry for unknown as a whole.
                _ => return Err(Doubt),
            };
            if wire != kind.wire() || (parts[part].is_some() && wire == SIZED) {
                return Err(Doubt);
            }
            parts[part] = Some(raw);
        }
        let [first, second] = parts;
        let first = first.map_or_else(|| key.default(), Ok)?;
        let second = second.map_or_else(|| value.default(), Ok)?;
        match out {
            None => {
                self.value(key, first, None)?;
                self.value(value, second, None)
            }
            Some(out) => {
                self.value(key, first, Some(&mut out.children()[0]))?;
                self.value(value, second, Some(&mut out.children()[1]))
            }
        }
    }

    /// Pushes a single value into a column; without one it is only checked.
    fn value(&mut self, kind: &Kind, raw: Raw<'_>, out: Option<&mut Out>) -> Scanned<()> {
        match (kind, raw) {
            (Kind::Scalar(scalar), raw) => scalar.push(raw, out),
            (Kind::Enum(names), Raw::Word(word)) => {
                let wanted = i64::from(word as i32);
                let found = names.iter().find(|(number, _)| *number == wanted).ok_or(Doubt)?;
                out.map_or(Ok(()), |out| push_text(out, &found.1))
            }
            (Kind::Message(message), Raw::Span(span)) => match out {
                None => self.message(message, span, None),
                Some(out) => {
                    self.message(message, span, Some(out.children()))?;
                    out.close_row();
                    Ok(())
                }
            },
            (Kind::List(message), Raw::Span(span)) => self.message(message, span, out.map(std::slice::from_mut)),
            (Kind::Wrapper(scalar), Raw::Span(span)) => {
                let mut value = None;
                let mut cursor = Cursor::new(span);
                while !cursor.is_done() {
                    let (number, wire) = cursor.tag()?;
                    let raw = cursor.raw(wire)?;
                    if number == 1 {
                        if wire != scalar.wire() || (value.is_some() && wire == SIZED) {
                            return Err(Doubt);
                        }
                        value = Some(raw);
                    }
                }
                scalar.push(value.unwrap_or(scalar.default()), out)
            }
            _ => Err(Doubt),
        }
    }
}
