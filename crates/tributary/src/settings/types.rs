//! The settings as typed values, one struct per concern, units in the names.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use tributary_domain::time::Span;

/// All start-up settings.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Address and port of the HTTP server.
    pub listen: SocketAddr,
    /// Directory of the embedded storage and of the key file.
    pub data_dir: PathBuf,
    /// PostgreSQL for the state; `None` is SQLite in `data_dir`.
    pub database_url: Option<DatabaseUrl>,
    /// PostgreSQL for the log; `None` is wherever the state lies.
    pub log_url: Option<DatabaseUrl>,
    /// What this process does, without repeats.
    pub roles: Vec<Role>,
    /// The key file; `None` is `master.key` in `data_dir`, see [`Settings::master_key_path`].
    pub master_key_file: Option<PathBuf>,
    /// Bounds on what is accepted.
    pub limits: Limits,
    /// How the edge judges requests.
    pub edge: EdgeSettings,
    /// How much is kept of what was refused.
    pub refusals: RefusalSettings,
    /// Who may read pages and figures.
    pub api: ApiSettings,
    /// How the engine works through the log.
    pub engine: EngineSettings,
    /// What is written about the running process.
    pub log: LogSettings,
    /// Knobs for tests and benchmarks.
    pub test: TestSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data_dir: PathBuf::from("./data"),
            database_url: None,
            log_url: None,
            roles: Role::ALL.to_vec(),
            master_key_file: None,
            limits: Limits::default(),
            edge: EdgeSettings::default(),
            refusals: RefusalSettings::default(),
            api: ApiSettings::default(),
            engine: EngineSettings::default(),
            log: LogSettings::default(),
            test: TestSettings::default(),
        }
    }
}

impl Settings {
    /// The file that holds the key for personal data.
    #[must_use]
    pub fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    /// Whether this process plays a role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Bounds on what is accepted; each is refused with its own reason when exceeded.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Greatest request body as sent.
    pub body_bytes: usize,
    /// Greatest request body after decompression.
    pub decompressed_bytes: usize,
    /// Greatest number of events in one request.
    pub batch_events: usize,
    /// Greatest import file.
    pub import_bytes: u64,
    /// Greatest request target.
    pub url_bytes: usize,
    /// Records that may wait for the log's next commit.
    pub queue_records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            decompressed_bytes: 64 << 20,
            batch_events: 10_000,
            import_bytes: 1 << 30,
            url_bytes: 8 << 10,
            queue_records: 65_536,
        }
    }
}

/// How the edge judges requests.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSettings {
    /// How far in the future an event's own time may lie.
    pub future_tolerance_seconds: u64,
}

impl EdgeSettings {
    /// The tolerance as a length of time.
    #[must_use]
    pub fn future_tolerance(&self) -> Span {
        let seconds = i64::try_from(self.future_tolerance_seconds).unwrap_or(i64::MAX);
        Span(seconds.saturating_mul(Span::SECOND.0))
    }
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self { future_tolerance_seconds: 300 }
    }
}

/// How much is kept of what was refused.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalSettings {
    /// Notes that one source may have in a minute, in each process.
    pub per_source_and_minute: u32,
    /// Notes that are stored.
    pub most_stored: u64,
    /// Days after which a note is thrown away.
    pub keep_days: u32,
}

impl Default for RefusalSettings {
    fn default() -> Self {
        Self { per_source_and_minute: 600, most_stored: 100_000, keep_days: 30 }
    }
}

/// Who may read pages and figures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ApiSettings {
    /// What a reader from another machine must know; `None` lets only this machine read.
    pub read_token: Option<ReadToken>,
}

/// The token that lets other machines read. Printing it shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ReadToken(String);

impl ReadToken {
    /// Fewest characters: a token is guessed over the network, not read off a disk.
    const FEWEST: usize = 16;

    /// Accepts tokens of at least 16 characters; answers what is wrong with others.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() < Self::FEWEST {
            return Err(format!(
                "expected at least {} characters; `openssl rand -hex 32` makes some",
                Self::FEWEST
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The token itself, for comparing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ReadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadToken(..)")
    }
}

/// How the engine works through the log.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// Events settled in one transaction.
    pub batch_events: usize,
    /// Sleep when the log has nothing new.
    pub idle_ms: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { batch_events: 2_048, idle_ms: 20 }
    }
}

/// What is written about the running process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Level, or a filter per module.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Names as written in the settings.
    pub const NAMES: [&str; 3] = ["auto", "text", "json"];

    /// Finds a format by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Knobs for tests and benchmarks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestSettings {
    /// Added to every commit of the log.
    pub commit_delay_ms: u64,
}

/// A part of the work that a process may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Takes events and clicks.
    Edge,
    /// Settles and books.
    Engine,
    /// Sends to partners.
    Delivery,
    /// Answers pages and queries.
    Api,
    /// Feeds the warehouse.
    Sync,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Edge, Self::Engine, Self::Delivery, Self::Api, Self::Sync];

    /// The name in settings and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Engine => "engine",
            Self::Delivery => "delivery",
            Self::Api => "api",
            Self::Sync => "sync",
        }
    }

    /// Finds a role by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A `postgres://` address. It may hold a password: printing it shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Accepts `postgres://` and `postgresql://` addresses; answers what is wrong with others.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" => match url::Url::parse(text) {
                Ok(_) => Ok(Self(text.to_owned())),
                Err(error) => Err(format!("not a PostgreSQL address: {error}")),
            },
            "nats" => {
                Err("nats:// comes with the Scale release; this one stores its log in SQLite or PostgreSQL"
                    .into())
            }
            "" => Err("not an address; write postgres://user:password@host:port/database".into()),
            other => Err(format!(
                "`{other}://` is not supported; write postgres://user:password@host:port/database"
            )),
        }
    }

    /// The whole address with its password, for the driver.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match url::Url::parse(&self.0) {
            Ok(url) => {
                let host = url.host_str().unwrap_or("");
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                write!(f, "{}://{host}{port}{}", url.scheme(), url.path())
            }
            Err(_) => f.write_str("postgres://..."),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
