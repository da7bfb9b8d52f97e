//! When two terms are the same: equality, hashes, and keys that a map has twice.
//!
//! Rests on a fingerprint: bytes that are equal exactly for equal terms. This is not an encoding; nothing reads it.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::{Map, Term};

/// How deep maps with several pairs may stand inside keys of such maps. To compare a key is to sort the maps in it,
/// for which their keys are compared: work that the depth multiplies, and the only recursion in this module.
pub(super) const MAX_KEY_DEPTH: usize = 16;

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Term::Int(a), Term::Int(b)) => a == b,
            (Term::Float(a), Term::Float(b)) => a.to_bits() == b.to_bits(),
            (Term::Atom(a), Term::Atom(b)) => a == b,
            (Term::Binary(a), Term::Binary(b)) => a == b,
            _ => fingerprint(self) == fingerprint(other),
        }
    }
}

impl Eq for Term {}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        fingerprint(self).hash(state);
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(&self.clone().into()) == fingerprint(&other.clone().into())
    }
}

impl Eq for Map {}

/// Whether some key comes twice among `key, value, key, value`.
pub(super) fn has_duplicates(flat: &[Term]) -> bool {
    if flat.len() <= 2 {
        return false;
    }
    let mut keys: Vec<_> = flat.iter().step_by(2).map(fingerprint).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// Keeps of pairs with the same key the last value, in the place of the first.
pub(super) fn without_duplicates(flat: Vec<Term>) -> Vec<Term> {
    if !has_duplicates(&flat) {
        return flat;
    }
    let mut places = HashMap::new();
    let mut kept: Vec<Term> = Vec::with_capacity(flat.len());
    let mut flat = flat.into_iter();
    while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
        match places.entry(fingerprint(&key)) {
            std::collections::hash_map::Entry::Occupied(place) => kept[*place.get()] = value,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(kept.len() + 1);
                kept.extend([key, value]);
            }
        }
    }
    kept
}

fn fingerprint(term: &Term) -> Vec<u8> {
    let mut out = Vec::new();
    print(term, 0, &mut out);
    out
}

fn print(term: &Term, key_depth: usize, out: &mut Vec<u8>) {
    enum Rest<'a> {
        Terms(std::slice::Iter<'a, Term>),
        /// Fingerprints of keys, sorted, each with its value.
        Pairs(std::vec::IntoIter<(Vec<u8>, &'a Term)>),
    }
    fn sized(kind: u8, length: usize, out: &mut Vec<u8>) {
        out.push(kind);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    let mut stack = vec![Rest::Terms(std::slice::from_ref(term).iter())];
    while let Some(rest) = stack.last_mut() {
        let next = match rest {
            Rest::Terms(terms) => terms.next(),
            Rest::Pairs(pairs) => pairs.next().map(|(key, value)| {
                out.extend_from_slice(&key);
                value
            }),
        };
        let Some(term) = next else {
            stack.pop();
            continue;
        };
        let kind = match term {
            Term::Int(value) => {
                out.push(b'i');
                out.extend_from_slice(&value.to_be_bytes());
                continue;
            }
            Term::BigInt(value) => {
                match i64::try_from(value.as_ref()) {
                    Ok(value) => {
                        out.push(b'i');
                        out.extend_from_slice(&value.to_be_bytes());
                    }
                    Err(_) => {
                        let bytes = value.to_signed_bytes_be();
                        sized(b'b', bytes.len(), out);
                        out.extend_from_slice(&bytes);
                    }
                }
                continue;
            }
            Term::Float(value) => {
                out.push(b'f');
                out.extend_from_slice(&value.to_bits().to_be_bytes());
                continue;
            }
            Term::Atom(name) => {
                sized(b'a', name.len(), out);
                out.extend_from_slice(name.as_bytes());
                continue;
            }
            Term::Binary(bytes) => {
                sized(b'B', bytes.len(), out);
                out.extend_from_slice(bytes);
                continue;
            }
            Term::BitString { bytes, last_bits } => {
                sized(b's', bytes.len(), out);
                out.push(*last_bits);
                out.extend_from_slice(bytes);
                continue;
            }
            Term::Opaque(_, bytes) => {
                sized(b'o', bytes.len(), out);
                out.extend_from_slice(bytes);
                continue;
            }
            Term::List(_) => b'l',
            Term::ImproperList(_) => b'p',
            Term::Tuple(_) => b't',
            Term::Map(_) => b'm',
        };
        let children = term.children();
        sized(kind, children.len(), out);
        // Deeper maps stay in their order: the decoder makes none, and they are not worth a stack overflow.
        if kind == b'm' && children.len() > 2 && key_depth <= MAX_KEY_DEPTH {
            let mut pairs = Vec::with_capacity(children.len() / 2);
            for [key, value] in children.as_chunks().0 {
                let mut printed = Vec::new();
                print(key, key_depth + 1, &mut printed);
                pairs.push((printed, value));
            }
            pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            stack.push(Rest::Pairs(pairs.into_iter()));
        } else {
            stack.push(Rest::Terms(children.iter()));
        }
    }
}
