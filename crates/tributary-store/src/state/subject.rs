//! How the subject of a ledger entry is stored: small, because every commission line has several entries.
//!
//! A first byte says what follows: `1` the 16 bytes of a commission line's id, `0` any other subject as UTF-8, such as a payout's id.

use tributary_domain::ids::EventId;

use super::StateError;

const TEXT: u8 = 0;
const IDENTIFIER: u8 = 1;

/// The stored form of a subject.
#[must_use]
pub fn pack_subject(subject: &str) -> Vec<u8> {
    if let Some(id) = canonical_id(subject) {
        let mut packed = Vec::with_capacity(17);
        packed.push(IDENTIFIER);
        packed.extend_from_slice(&id);
        packed
    } else {
        let mut packed = Vec::with_capacity(1 + subject.len());
        packed.push(TEXT);
        packed.extend_from_slice(subject.as_bytes());
        packed
    }
}

/// Reads a stored subject back, exactly as it was given.
///
/// # Errors
/// [`StateError::Unreadable`] when the first byte or what follows it is not as above.
pub fn unpack_subject(packed: &[u8]) -> Result<String, StateError> {
    let unreadable = || StateError::Unreadable(format!("the ledger subject {}", hex::encode(packed)));
    match packed.split_first() {
        Some((&TEXT, text)) => String::from_utf8(text.to_vec()).map_err(|_| unreadable()),
        Some((&IDENTIFIER, id)) => Ok(EventId(id.try_into().map_err(|_| unreadable())?).to_string()),
        _ => Err(unreadable()),
    }
}

/// The bytes of an id in its one canonical notation: lower-case hexadecimal digits with four hyphens. Anything else stays text, so that
/// it is read back as it was written.
fn canonical_id(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut digits = [0u8; 32];
    let mut filled = 0;
    for (place, byte) in bytes.iter().enumerate() {
        match (place, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9' | b'a'..=b'f') => {
                digits[filled] = *byte;
                filled += 1;
            }
            _ => return None,
        }
    }
    let mut id = [0u8; 16];
    hex::decode_to_slice(digits, &mut id).ok()?;
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_read_back_as_it_was_written() {
        let id = EventId([0xab; 16]).to_string();
        for (subject, length) in [
            (id.clone(), 17),
            (id.to_uppercase(), 37),
            (id.replace('-', ""), 33),
            ("po_0123456789abcdef".to_owned(), 20),
            ("sixteen bytes ok".to_owned(), 17),
            ("åö-中".to_owned(), 9),
            (String::new(), 1),
        ] {
            let packed = pack_subject(&subject);
            assert_eq!(packed.len(), length, "{subject}");
            assert_eq!(unpack_subject(&packed).unwrap(), subject);
        }
        for broken in [&[][..], &[2, 1], &[1, 2, 3], &[0, 0xff]] {
            assert!(unpack_subject(broken).is_err(), "{broken:?}");
        }
    }
}
