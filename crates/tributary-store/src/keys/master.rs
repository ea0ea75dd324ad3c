//! The master key: wraps every other key, and never lies in the database.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::keys::KeyError;
use crate::keys::cipher::{Key, NONCE};
use crate::keys::random::key_bytes;

/// The first byte of a wrapped key.
const VERSION: u8 = 1;

/// Where the master key comes from.
#[derive(Clone)]
pub(super) struct MasterKeySource {
    /// 64 hexadecimal digits, when the operator gave it in the environment.
    pub(super) given: Option<String>,
    /// The file that is used otherwise, and created at the first start.
    pub(super) file: PathBuf,
}

/// The master key.
pub(super) struct MasterKey {
    key: Key,
    /// Where it came from, for messages.
    pub(super) origin: String,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.origin)
    }
}

impl MasterKey {
    /// Takes the given key, or reads the file. With `store_is_empty` a missing file is created with a random key; with keys in the
    /// store a missing file is refused, because a new key could never open them.
    pub(super) fn obtain(source: &MasterKeySource, store_is_empty: bool) -> Result<Self, KeyError> {
        if let Some(text) = &source.given {
            let origin = "the environment variable TRIBUTARY_MASTER_KEY".to_owned();
            let key = parse(text).ok_or_else(|| unusable(&origin, &"it must be 64 hexadecimal digits"))?;
            return Ok(Self { key, origin });
        }
        let origin = source.file.display().to_string();
        match read(&source.file) {
            Err(KeyFileError::Missing) if store_is_empty => {
                create(&source.file).map_err(|error| unusable(&origin, &error))?;
                // Another process may have been first: what lies there now is the key.
                let key = read(&source.file).map_err(|error| unusable(&origin, &error))?;
                Ok(Self { key, origin })
            }
            Err(KeyFileError::Missing) => Err(unusable(
                &origin,
                &"the file is missing, and the key store already holds keys made with it; restore the file from its backup",
            )),
            Err(error) => Err(unusable(&origin, &error)),
            Ok(key) => Ok(Self { key, origin }),
        }
    }

    /// Encrypts a key for the database, bound to its name and generation.
    pub(super) fn wrap(
        &self,
        name: &[u8],
        generation: u16,
        key: &Key,
        nonce: [u8; NONCE],
    ) -> Result<Vec<u8>, KeyError> {
        let mut wrapped = Vec::with_capacity(1 + NONCE + 32 + 16);
        wrapped.push(VERSION);
        wrapped.extend_from_slice(&nonce);
        wrapped.extend_from_slice(&key.0);
        if self.key.encrypt(nonce, &bound(name, generation), &mut wrapped, 1 + NONCE) {
            Ok(wrapped)
        } else {
            Err(KeyError::Malformed)
        }
    }

    /// Decrypts a key of the database; nothing when it was changed, moved to another name, or wrapped by another master key.
    pub(super) fn unwrap(&self, name: &[u8], generation: u16, wrapped: &[u8]) -> Option<Key> {
        let (version, rest) = wrapped.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if *version != VERSION {
            return None;
        }
        let plain = self.key.decrypt(*nonce, &bound(name, generation), sealed)?;
        Some(Key(plain.try_into().ok()?))
    }
}

fn bound(name: &[u8], generation: u16) -> Vec<u8> {
    [b"tributary key 1 ", name, &generation.to_be_bytes()].concat()
}

fn unusable(origin: &str, problem: &dyn fmt::Display) -> KeyError {
    KeyError::MasterKey { origin: origin.to_owned(), problem: problem.to_string() }
}

fn parse(text: &str) -> Option<Key> {
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
    Some(Key(bytes))
}

#[derive(Debug, thiserror::Error)]
enum KeyFileError {
    #[error("the file is missing")]
    Missing,
    #[error("it must hold 64 hexadecimal digits")]
    NotAKey,
    #[error("{0}")]
    File(#[from] std::io::Error),
}

fn read(file: &Path) -> Result<Key, KeyFileError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(KeyFileError::Missing),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(KeyFileError::NotAKey),
        Err(error) => return Err(error.into()),
    };
    let mode = fs::metadata(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        // Not refused: mounted secrets of container platforms are often readable by a group.
        tracing::warn!(file = %file.display(), mode = format!("{:o}", mode & 0o777), "the master key file can be read by others");
    }
    parse(&text).ok_or(KeyFileError::NotAKey)
}

/// Creates the file, complete and durable or not at all; does nothing when it exists.
fn create(file: &Path) -> Result<(), KeyFileError> {
    let mut temporary = file.as_os_str().to_owned();
    // Two processes that start at once write files of their own.
    temporary.push(format!(
        ".{}",
        hex::encode(&key_bytes().map_err(|error| std::io::Error::other(error.to_string()))?[..8])
    ));
    let temporary = PathBuf::from(temporary);
    let text = hex::encode(key_bytes().map_err(|error| std::io::Error::other(error.to_string()))?);
    let linked = write_new(&temporary, &text).and_then(|()| match fs::hard_link(&temporary, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&temporary);
    linked?;
    removed?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
