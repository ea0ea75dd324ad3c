//! The form of sealed bytes.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1 |
//! | 1 | whose key: 0 the set-up's, 1 a day's, 2 a person's |
//! | 2 | generation of the key, big endian |
//! | 0, 4 or 16 | the day (counted from 1970, big endian) or the person's hash |
//! | 12 | nonce, random |
//! | rest | ChaCha20-Poly1305 of the plain text, its tag at the end, bound to the event id and all bytes before the nonce |

use tributary_domain::ids::{EventId, SubjectHash};

use crate::keys::KeyError;
use crate::keys::cache::Held;
use crate::keys::cipher::{NONCE, TAG};
use crate::keys::names::KeyName;

const VERSION: u8 = 1;
const SET_UP: u8 = 0;
const DAY: u8 = 1;
const SUBJECT: u8 = 2;
/// Version, kind, generation and the longest id.
const LONGEST_HEADER: usize = 4 + 16;

/// Seals a plain text.
pub(super) fn seal(
    name: KeyName,
    held: &Held,
    event: EventId,
    nonce: [u8; NONCE],
    plain: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let mut sealed = Vec::with_capacity(LONGEST_HEADER + NONCE + plain.len() + TAG);
    sealed.push(VERSION);
    let (kind, id): (u8, &[u8]) = match &name {
        KeyName::SetUp => (SET_UP, &[]),
        KeyName::Day(day) => (DAY, &day.to_be_bytes()),
        KeyName::Subject(subject) => (SUBJECT, &subject.0),
        KeyName::ClickId | KeyName::Lookup => return Err(KeyError::Malformed),
    };
    sealed.push(kind);
    sealed.extend_from_slice(&held.generation.to_be_bytes());
    sealed.extend_from_slice(id);
    let bound = bound(event, &sealed);
    sealed.extend_from_slice(&nonce);
    let from = sealed.len();
    sealed.extend_from_slice(plain);
    if held.key.encrypt(nonce, &bound, &mut sealed, from) { Ok(sealed) } else { Err(KeyError::Malformed) }
}

/// Sealed bytes, taken apart.
pub(super) struct Parts<'a> {
    /// Whose key is needed.
    pub(super) name: KeyName,
    /// Which of its keys.
    pub(super) generation: u16,
    header: &'a [u8],
    nonce: [u8; NONCE],
    text: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes sealed bytes apart.
    pub(super) fn read(sealed: &'a [u8]) -> Result<Self, KeyError> {
        Self::split(sealed).ok_or(KeyError::Malformed)
    }

    fn split(sealed: &'a [u8]) -> Option<Self> {
        let ([version, kind, generation @ ..], rest) = sealed.split_first_chunk::<4>()?;
        if *version != VERSION {
            return None;
        }
        let (name, rest) = match *kind {
            SET_UP => (KeyName::SetUp, rest),
            DAY => {
                rest.split_first_chunk().map(|(day, rest)| (KeyName::Day(i32::from_be_bytes(*day)), rest))?
            }
            SUBJECT => {
                rest.split_first_chunk().map(|(hash, rest)| (KeyName::Subject(SubjectHash(*hash)), rest))?
            }
            _ => return None,
        };
        let header = &sealed[..sealed.len() - rest.len()];
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        Some(Self { name, generation: u16::from_be_bytes(*generation), header, nonce: *nonce, text })
    }

    /// Decrypts with the key that was asked for.
    pub(super) fn open(&self, event: EventId, held: &Held) -> Result<Vec<u8>, KeyError> {
        held.key.decrypt(self.nonce, &bound(event, self.header), self.text).ok_or(KeyError::Tampered)
    }
}

fn bound(event: EventId, header: &[u8]) -> Vec<u8> {
    [&event.0[..], header].concat()
}
