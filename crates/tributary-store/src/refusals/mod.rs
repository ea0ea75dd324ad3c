//! Notes about refused requests, so that it can be said why something is not there.
//!
//! They are no facts: nothing is derived from them, they are written behind the door's back, a crash may lose the last of them, and
//! they are thrown away by count and age. They hold no personal data and no secrets; whoever writes them sees to it.

mod postgres;
mod sqlite;

use serde_json::Value;
use thiserror::Error;
use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

pub use postgres::PostgresRefusals;
pub use sqlite::SqliteRefusals;

use crate::log::Way;

/// A note about one refused event or request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedRequest {
    /// When it came.
    pub received_at: Timestamp,
    /// How it came.
    pub way: Way,
    /// Whose it is, as far as that is known.
    pub brand: Option<BrandKey>,
    /// The source that it named or proved to be; also one that is not set up.
    pub source: Option<String>,
    /// Whether the sender had proved himself before it was refused.
    pub proven: bool,
    /// Why it was refused.
    pub reason: Reason,
    /// The field at fault.
    pub field: Option<String>,
    /// Ids, order numbers and codes that it carried and is found again by.
    pub ids: Vec<String>,
    /// The known fields that came, by canonical name; the value where it may be kept.
    pub fields: Vec<(String, Option<String>)>,
    /// How many fields came beside them.
    pub other_fields: u64,
    /// How large it was; 0 where that is not known.
    pub bytes: u64,
}

/// A stored note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRefusal {
    /// Its number: later ones have greater ones.
    pub number: u64,
    /// What it says. Its ids are among its fields.
    pub request: RefusedRequest,
}

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Notes, of all brands together.
    pub most: u64,
    /// What came before this moment is thrown away.
    pub since: Timestamp,
}

/// Which notes are asked for; what is `None` is not asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RefusalFilter {
    /// Of this brand.
    pub brand: Option<BrandKey>,
    /// Of this source, whether it is set up or not.
    pub source: Option<String>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// Come at this moment or later.
    pub since: Option<Timestamp>,
    /// Come before this moment.
    pub until: Option<Timestamp>,
    /// Carrying this id, compared letter by letter.
    pub id: Option<String>,
    /// With a lesser number, for the next page.
    pub before: Option<u64>,
}

/// Why notes cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefusalError {
    /// The database refused or cannot be reached.
    #[error("the notes about refused requests: {0}")]
    Database(String),
    /// A row that this version did not write.
    #[error("note {0} about a refused request has a form that this version does not know")]
    Malformed(u64),
}

/// Where notes about refused requests are kept.
pub trait RefusalStore: Send + Sync {
    /// Stores notes in their order and throws away what is beyond `keep`, in one transaction.
    ///
    /// # Errors
    /// [`RefusalError::Database`]; nothing is stored then.
    fn record(&self, requests: &[RefusedRequest], keep: Keep) -> Result<(), RefusalError>;

    /// Stored notes, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`RefusalError`].
    fn list(&self, filter: &RefusalFilter, limit: usize) -> Result<Vec<StoredRefusal>, RefusalError>;
}

/// A row as both engines store it.
struct Row {
    number: i64,
    received_at: i64,
    way: String,
    brand: Option<String>,
    source: Option<String>,
    proven: bool,
    reason: String,
    field: Option<String>,
    fields: String,
    other_fields: i64,
    bytes: i64,
    ids: String,
}

impl Row {
    fn read(self) -> Result<StoredRefusal, RefusalError> {
        let number = u64::try_from(self.number).unwrap_or_default();
        let malformed = || RefusalError::Malformed(number);
        Ok(StoredRefusal {
            number,
            request: RefusedRequest {
                received_at: Timestamp(self.received_at),
                way: Way::from_name(&self.way).ok_or_else(malformed)?,
                brand: self.brand.as_deref().map(BrandKey::parse).transpose().map_err(|_| malformed())?,
                source: self.source,
                proven: self.proven,
                reason: Reason::from_code(&self.reason).ok_or_else(malformed)?,
                field: self.field,
                ids: serde_json::from_str(&self.ids).map_err(|_| malformed())?,
                fields: serde_json::from_str(&self.fields).map_err(|_| malformed())?,
                other_fields: u64::try_from(self.other_fields).map_err(|_| malformed())?,
                bytes: u64::try_from(self.bytes).map_err(|_| malformed())?,
            },
        })
    }
}

/// The fields as they are stored.
fn fields_json(request: &RefusedRequest) -> String {
    let field = |(name, value): &(String, Option<String>)| {
        Value::from(vec![Value::from(name.as_str()), Value::from(value.clone())])
    };
    Value::from(request.fields.iter().map(field).collect::<Vec<_>>()).to_string()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As many rows as a database may be asked for.
fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
