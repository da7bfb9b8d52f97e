//! Trees to bytes. It chooses nothing but the short form for lists of bytes; the encodings are [`Writer`]'s.

use super::{Error, Term, Writer};

pub(super) fn write(term: &Term, writer: &mut Writer) -> Result<(), Error> {
    let mut stack = Vec::new();
    let mut level = (std::slice::from_ref(term).iter(), false);
    loop {
        let Some(term) = level.0.next() else {
            if level.1 {
                writer.nil();
            }
            match stack.pop() {
                Some(above) => level = above,
                None => return Ok(()),
            }
            continue;
        };
        let mut proper_list = false;
        match term {
            Term::Int(value) => writer.int(*value),
            Term::BigInt(value) => writer.bigint(value)?,
            Term::Float(value) => writer.float(*value)?,
            Term::Atom(name) => writer.atom(name)?,
            Term::Binary(bytes) => writer.binary(bytes)?,
            Term::BitString { bytes, last_bits } => writer.bit_binary(bytes, *last_bits)?,
            Term::Opaque(_, bytes) => writer.raw(bytes),
            Term::List(items) => match as_bytes(items) {
                Some(bytes) => {
                    writer.byte_list(&bytes)?;
                    continue;
                }
                None => {
                    proper_list = true;
                    writer.list_header(items.len())?;
                }
            },
            Term::ImproperList(items) if items.is_empty() => writer.nil(),
            Term::ImproperList(items) => writer.list_header(items.len() - 1)?,
            Term::Tuple(items) => writer.tuple_header(items.len())?,
            Term::Map(map) => writer.map_header(map.len())?,
        }
        let children = term.children();
        if !children.is_empty() {
            stack.push(std::mem::replace(&mut level, (children.iter(), proper_list)));
        }
    }
}

/// The elements as bytes, if the list is one that BEAM writes in the short form.
fn as_bytes(items: &[Term]) -> Option<Vec<u8>> {
    if items.len() > usize::from(u16::MAX) {
        return None;
    }
    items
        .iter()
        .map(|item| item.as_i64().and_then(|value| u8::try_from(value).ok()))
        .collect()
}
