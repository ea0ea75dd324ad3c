//! Runs the real program as a newcomer would: its commands, its server, its HTTP doors.
//!
//! An [`Installation`] is a temporary data directory, on embedded storage or on a PostgreSQL database of its own. What it starts ends
//! with it, by process id.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test stops where its own set-up fails"
)]
#![allow(unused_imports, reason = "each test file uses its own part")]

pub mod chromium;
pub mod client;
pub mod disorder;
pub mod facts;
pub mod house;
pub mod sender;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tributary::settings::{self, Layers};
use tributary::storage::Storage;
use tributary_domain::fact::Fact;
use tributary_store::log::Sequence;
use tributary_store::suite::postgres_server;
use tributary_store::wire;

use self::client::Client;
pub use self::client::{seconds_ago, timestamp_ago};

/// Secrets of the sources in [`SET_UP`], 16 bytes or more as the set-up asks.
pub const SHOP_SECRET: &str = "shop-secret-0123456789abcdef";
/// The secret of the source `crm`.
pub const CRM_SECRET: &str = "crm-secret-0123456789abcdef";

/// One brand, two campaigns, three partners, two sources and one unsigned sender.
pub const SET_UP: &str = r#"
brands: [{key: acme, name: Acme, currency: EUR}]
plans:
  - key: share
    rules: [{goal: purchase, pays: "10%"}, {goal: registration, pays: "1.50 EUR"}, {goal: ftd, pays: "20 EUR"}]
  - key: waits
    rules: [{goal: purchase, pays: "10%"}]
    hold: 30d
campaigns:
  - {key: summer, tier: consideration, destination: "https://shop.example/summer?a=1", allowed_hosts: [blog.shop.example], plan: share}
  - {key: brief, tier: conversion, destination: "https://shop.example/brief", windows: {click: 1h}, model: last_touch, plan: share}
  - {key: first, tier: awareness, destination: "https://shop.example/first", model: first_touch, plan: waits, click_parameter: cid}
  - {key: even, tier: awareness, destination: "https://shop.example/even", model: linear, plan: share}
partners:
  - {key: anna, kind: creator, name: Anna}
  - {key: bert, kind: affiliate}
  - {key: cora, kind: creator}
links:
  - {key: anna-summer, partner: anna, campaign: summer, promo_code: ANNA10}
  - {key: bert-summer, partner: bert, campaign: summer}
  - {key: cora-summer, partner: cora, campaign: summer}
  - {key: anna-brief, partner: anna, campaign: brief}
  - {key: anna-first, partner: anna, campaign: first}
  - {key: bert-first, partner: bert, campaign: first}
  - {key: anna-even, partner: anna, campaign: even}
  - {key: bert-even, partner: bert, campaign: even}
  - {key: cora-even, partner: cora, campaign: even}
  - {key: retired, partner: cora, campaign: summer, active: false}
sources:
  - {key: shop, secrets: ["shop-secret-0123456789abcdef"]}
  - {key: crm, secrets: ["crm-secret-0123456789abcdef"], transaction_namespace: shop}
  - {key: legacy, accepts_unsigned_postbacks: true, default_currency: EUR}
"#;

/// How long a server may take to start or to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place where Tributary is installed.
pub struct Installation {
    directory: TempDir,
    database: Option<String>,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    /// Its exit status.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Done {
    /// What it printed, once it ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The JSON that it printed, however it ended.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("not JSON: {}{}", self.stdout, self.stderr))
    }
}

impl Installation {
    /// Files in a temporary directory.
    pub fn embedded() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), database: None }
    }

    /// A fresh PostgreSQL database; the directory holds the master key alone.
    pub fn postgres() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), database: Some(postgres_server::fresh_database()) }
    }

    /// Breaks every connection to the PostgreSQL database, as a restart of it would.
    pub fn drop_connections(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        postgres_server::execute(self.database.as_ref().unwrap(), sql).unwrap();
    }

    /// Embedded storage with [`SET_UP`] applied.
    pub fn set_up() -> Self {
        let installation = Self::embedded();
        installation.apply(SET_UP);
        installation
    }

    /// A directory for what the test itself writes.
    pub fn files(&self) -> &Path {
        self.directory.path()
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Writes a file for a command to read.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program with this installation's storage, ready for more arguments.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
        // Variables for the tests are no settings of the program, which refuses unknown ones.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRIBUTARY_")) {
            command.env_remove(name);
        }
        command.current_dir(self.directory.path()).args(arguments).arg("--data-dir").arg(self.data_dir());
        if let Some(url) = &self.database {
            command.arg("--database-url").arg(url);
        }
        command
    }

    /// The storage, for looking past every door.
    pub fn storage(&self) -> Storage {
        let mut flags = vec![("data_dir".to_owned(), self.data_dir().to_str().unwrap().to_owned())];
        flags.extend(self.database.clone().map(|url| ("database_url".to_owned(), url)));
        let (settings, _) = settings::load(&Layers { file: None, environment: Vec::new(), flags }).unwrap();
        Storage::of(&settings)
    }

    /// Every event of the log, decoded, in its order.
    pub fn facts(&self) -> Vec<Fact> {
        let log = self.storage().log_reader().unwrap();
        let mut facts = Vec::new();
        let mut after = Sequence(0);
        loop {
            let records = log.read_after(after, 10_000).unwrap();
            let Some(last) = records.last() else { return facts };
            after = last.sequence;
            facts.extend(records.iter().map(|record| wire::fact::decode(&record.fact).unwrap()));
        }
    }

    /// Starts a command and kills it after a while, unless it has ended before; answers whether it ended by itself and well.
    pub fn run_killed_after(&self, arguments: &[&str], wait: Duration) -> bool {
        let mut command = self.program(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        let _ = child.kill();
        child.wait().unwrap().success()
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        let output = self.program(arguments).stdin(Stdio::null()).output().unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must end well, and reads the JSON that it prints.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.stdout, done.stderr);
        done.json()
    }

    /// Applies a set-up text.
    #[track_caller]
    pub fn apply(&self, text: &str) -> Value {
        let path = self.file("set-up.yaml", text);
        self.json(&["apply", path.to_str().unwrap()])
    }

    /// The hash over all derived state.
    #[track_caller]
    pub fn state_hash(&self) -> String {
        self.run(&["state-hash"]).ok().trim().to_owned()
    }

    /// Audits every invariant.
    #[track_caller]
    pub fn verify(&self) {
        let done = self.run(&["verify"]);
        assert_eq!(done.code, 0, "verify: {}{}", done.stdout, done.stderr);
    }

    /// Rebuilds the state from the log and compares.
    #[track_caller]
    pub fn replay_equals(&self) {
        let done = self.run(&["replay"]);
        assert_eq!(done.code, 0, "replay: {}{}", done.stdout, done.stderr);
    }

    /// Starts the server on a free port.
    #[track_caller]
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts the server with more arguments.
    #[track_caller]
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let command = self.program(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        self.start(command)
    }

    /// Starts the server on a disk on which no file may grow beyond so many blocks of 512 bytes.
    #[track_caller]
    pub fn serve_on_full_disk(&self, blocks: u64) -> Server {
        let program = self.program(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = Command::new("sh");
        // Writes beyond the limit fail instead of ending the process, as they do on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(program.get_program()).args(program.get_args());
        command.current_dir(program.get_current_dir().unwrap());
        for (name, _) in program.get_envs().filter(|(_, value)| value.is_none()) {
            command.env_remove(name);
        }
        self.start(command)
    }

    #[track_caller]
    fn start(&self, mut command: Command) -> Server {
        let complaints = self.directory.path().join("server.stderr");
        let errors = File::options().create(true).append(true).open(&complaints).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let address = address.unwrap_or_else(|| {
            let mut text = String::new();
            File::open(&complaints).unwrap().read_to_string(&mut text).unwrap();
            let _ = child.kill();
            panic!("the server did not start: {line}{text}")
        });
        Server { child, complaints, http: Client::new(&address) }
    }
}

/// A running server. Killed when it is dropped.
pub struct Server {
    child: Child,
    complaints: PathBuf,
    /// Sends requests to it.
    pub http: Client,
}

impl Server {
    /// Waits until the engine has taken everything in the log into account, and answers how much that is.
    #[track_caller]
    pub fn settled(&self) -> u64 {
        let started = Instant::now();
        loop {
            let ready = self.http.get("/readyz");
            let body = ready.json();
            if ready.status == 200 && body["lag"] == 0 && body["waiting_clusters"] == 0 {
                return body["log"].as_u64().unwrap();
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the engine did not catch up: {body}\n{}",
                self.complaints()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many events the log holds.
    #[track_caller]
    pub fn logged(&self) -> u64 {
        self.http.get("/readyz").json()["log"].as_u64().unwrap()
    }

    /// What it wrote to standard error.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(&self.complaints).unwrap_or_default()
    }

    /// Ends it as a power cut would: SIGKILL, now.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    #[track_caller]
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "stopped with {status}: {}", self.complaints());
    }

    /// Asserts that it still answers and that nothing in it panicked.
    #[track_caller]
    pub fn is_well(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the server ended: {}", self.complaints());
        assert_eq!(self.http.get("/healthz").status, 200);
        let complaints = self.complaints();
        assert!(!complaints.contains("panicked"), "{complaints}");
    }

    /// The conversion with this transaction number, settled.
    #[track_caller]
    pub fn conversion(&self, transaction: &str) -> Value {
        self.settled();
        let mut found = self.conversions(&format!("transaction={transaction}"));
        assert_eq!(found.len(), 1, "{transaction}: {found:?}");
        found.remove(0)
    }

    /// Conversions by a filter, settled.
    #[track_caller]
    pub fn conversions(&self, filter: &str) -> Vec<Value> {
        self.settled();
        let answer = self.http.get(&format!("/v1/conversions?limit=1000&{filter}")).json();
        answer["conversions"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each partner's credit of a conversion, as `anna 60.00`, in order.
#[track_caller]
pub fn shares(conversion: &Value) -> Vec<String> {
    let mut shares: Vec<String> = conversion["credits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|credit| {
            let whose = credit["partner"].as_str().or(credit["channel"].as_str()).unwrap();
            format!("{whose} {}", credit["value"]["amount"].as_str().unwrap_or("-"))
        })
        .collect();
    shares.sort();
    shares
}
