//! What a database of keys must do. It sees names and wrapped keys only.

use crate::keys::KeyError;

/// A stored key.
pub(super) struct StoredKey {
    /// Counts the keys that one name has had: after a destruction the next one has the next number.
    pub(super) generation: u16,
    /// The key under the master key; nothing once it was destroyed.
    pub(super) wrapped: Option<Vec<u8>>,
}

/// A key to store.
pub(super) struct NewKey {
    pub(super) name: Vec<u8>,
    pub(super) generation: u16,
    pub(super) wrapped: Vec<u8>,
}

/// A database of keys, used by one thread.
pub(super) trait KeyStore {
    /// Where it lies, for messages; without a password.
    fn place(&self) -> String;

    /// Whether it holds no key at all, not even a destroyed one.
    fn is_empty(&mut self) -> Result<bool, KeyError>;

    /// The newest generation under each name, in the order of the names.
    fn newest(&mut self, names: &[Vec<u8>]) -> Result<Vec<Option<StoredKey>>, KeyError>;

    /// One generation of a name.
    fn find(&mut self, name: &[u8], generation: u16) -> Result<Option<StoredKey>, KeyError>;

    /// Stores keys in one transaction that survives a loss of power when this returns. A key that another process stored first
    /// stays; the answer says of each whether it is the given one.
    fn insert(&mut self, keys: &[NewKey]) -> Result<Vec<bool>, KeyError>;

    /// Destroys the living key of a name, durably. False when there is none.
    fn destroy(&mut self, name: &[u8]) -> Result<bool, KeyError>;

    /// The names whose keys were destroyed in the last minutes, by whichever process.
    fn lately_destroyed(&mut self) -> Result<Vec<Vec<u8>>, KeyError>;
}
