//! Plain or gzip input, told apart by its first bytes, with its unpacked size bounded.

use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::reader::Limits;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Unpacked bytes that are never held against a file's ratio: small files may be very repetitive.
const FREE_OF_RATIO: u64 = 64 * 1024 * 1024;

/// The file's unpacked bytes.
pub(super) struct Unpacked<R> {
    input: Input<Counted<Chain<Cursor<Vec<u8>>, R>>>,
    limits: Limits,
    unpacked: u64,
}

enum Input<C> {
    Plain(C),
    // Boxed: the decoder carries a window that would make the plain case as large.
    Gzip(Box<MultiGzDecoder<C>>),
}

struct Counted<R> {
    input: R,
    taken: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.taken = self.taken.saturating_add(count as u64);
        Ok(count)
    }
}

impl<R: Read> Unpacked<R> {
    /// Looks at the first two bytes.
    pub(super) fn open(mut input: R, limits: Limits) -> io::Result<Self> {
        let mut first = Vec::with_capacity(GZIP.len());
        input.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
        let is_gzip = first == GZIP;
        let counted = Counted { input: Cursor::new(first).chain(input), taken: 0 };
        let input =
            if is_gzip { Input::Gzip(Box::new(MultiGzDecoder::new(counted))) } else { Input::Plain(counted) };
        Ok(Self { input, limits, unpacked: 0 })
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, taken) = match &mut self.input {
            Input::Plain(input) => {
                let count = input.read(buffer)?;
                (count, input.taken)
            }
            Input::Gzip(decoder) => {
                let count = decoder.read(buffer)?;
                (count, decoder.get_ref().taken)
            }
        };
        self.unpacked = self.unpacked.saturating_add(count as u64);
        let by_ratio = taken.saturating_mul(self.limits.most_expansion).max(FREE_OF_RATIO);
        if self.unpacked > self.limits.largest_file || self.unpacked > by_ratio {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than is allowed"));
        }
        Ok(count)
    }
}
