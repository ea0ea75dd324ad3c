//! Random bytes, fetched from the operating system in blocks.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::keys::KeyError;
use crate::keys::cipher::{Authenticator, authenticator};

/// A system call costs more than generating; one fetches this many bytes.
const BLOCK: usize = 4096;

struct Block {
    bytes: [u8; BLOCK],
    used: usize,
}

thread_local! {
    static BLOCK_OF_THREAD: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK], used: BLOCK }) };
}

/// Bytes of a key: straight from the operating system, never from a buffer.
pub(super) fn key_bytes() -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// Endless random bytes for nonces and ids.
pub(super) struct Random {
    /// Keyed with bytes drawn at start; generates only when the operating system fails later, so that no caller needs an error path.
    reserve: Authenticator,
    drawn_from_reserve: AtomicU64,
}

impl Random {
    /// Fails when the operating system gives nothing at start.
    pub(super) fn new() -> Result<Self, KeyError> {
        Ok(Self { reserve: authenticator(&key_bytes()?), drawn_from_reserve: AtomicU64::new(0) })
    }

    /// Fills a slice. Bytes are handed out once and wiped from the buffer.
    pub(super) fn fill(&self, target: &mut [u8]) {
        BLOCK_OF_THREAD.with_borrow_mut(|block| {
            let mut filled = 0;
            while filled < target.len() {
                if block.used == BLOCK {
                    if getrandom::fill(&mut block.bytes).is_err() {
                        self.fill_from_reserve(&mut target[filled..]);
                        return;
                    }
                    block.used = 0;
                }
                let count = (target.len() - filled).min(BLOCK - block.used);
                let source = &mut block.bytes[block.used..block.used + count];
                target[filled..filled + count].copy_from_slice(source);
                source.fill(0);
                block.used += count;
                filled += count;
            }
        });
    }

    fn fill_from_reserve(&self, target: &mut [u8]) {
        for chunk in target.chunks_mut(32) {
            let number = self.drawn_from_reserve.fetch_add(1, Ordering::Relaxed);
            let generated = self.reserve.sign(&[&number.to_be_bytes()]);
            chunk.copy_from_slice(&generated[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_bytes_do_not_repeat_across_blocks_and_long_requests() {
        let random = Random::new().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            let mut bytes = [0u8; 12];
            random.fill(&mut bytes);
            assert!(seen.insert(bytes));
        }
        let mut long = vec![0u8; 3 * BLOCK + 7];
        random.fill(&mut long);
        let mut chunks = HashSet::new();
        assert!(long.chunks_exact(16).all(|chunk| chunks.insert(chunk.to_vec())));
    }

    #[test]
    fn the_reserve_generates_different_bytes_each_time() {
        let random = Random::new().unwrap();
        let (mut first, mut second) = ([0u8; 40], [0u8; 40]);
        random.fill_from_reserve(&mut first);
        random.fill_from_reserve(&mut second);
        assert_ne!(first, second);
        assert_ne!(first[..32], second[..32]);
    }
}
