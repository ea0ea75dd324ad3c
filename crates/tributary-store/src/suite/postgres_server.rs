//! A real PostgreSQL for tests: one private server per process, or the one that `TRIBUTARY_TEST_POSTGRES_URL` names.
//!
//! | variable | what |
//! | --- | --- |
//! | `TRIBUTARY_TEST_POSTGRES_URL` | `postgres://` address of a running server and of a role that may create databases; none is started then |
//! | `TRIBUTARY_TEST_POSTGRES_BIN` | folder with `initdb` and `postgres`, when they are neither in `PATH` nor in `/usr/lib/postgresql` |
//!
//! The private server listens on a free port of the loopback address and trusts whoever reaches it. It does not flush to disk: tests
//! end this program, not the database. A runner that gives each test a process of its own should start one server for all of them
//! (`scripts/with-postgres.sh`), because laying one out takes a second or two.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Names a server that is already there.
const URL_VARIABLE: &str = "TRIBUTARY_TEST_POSTGRES_URL";
/// Names the folder of the server's programs.
const PROGRAMS_VARIABLE: &str = "TRIBUTARY_TEST_POSTGRES_BIN";
/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often another port is tried when somebody took the free one in between.
const START_ATTEMPTS: usize = 5;

/// Stops the server ($1: its data folder, $2: all its files) as soon as the input ends, which is when the tests' process is gone,
/// however it ended. SIGINT is PostgreSQL's fast shutdown; SIGQUIT follows when that does not end it within five seconds.
const WATCHDOG: &str = r#"
cat > /dev/null
server=$(head -n 1 "$1/postmaster.pid" 2> /dev/null)
if [ -n "$server" ] && kill -INT "$server" 2> /dev/null; then
    tries=0
    while kill -0 "$server" 2> /dev/null; do
        tries=$((tries + 1))
        [ "$tries" = 50 ] && kill -QUIT "$server"
        [ "$tries" = 100 ] && break
        sleep 0.1
    done
fi
rm -rf "$2"
"#;

/// Creates an empty database with a name of its own, in UTF-8 and sorted by bytes, and answers its address. Its role is a superuser
/// on the private server.
///
/// May be called from any thread, also inside an asynchronous runtime; blocks. The first call of a process starts the server.
///
/// # Panics
/// When there is no PostgreSQL or it does not start: a test that needs it cannot pass.
#[must_use]
#[allow(clippy::panic, reason = "called by tests alone, and a test fails by panicking")]
pub fn fresh_database() -> String {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let created = match SERVER.get_or_init(Server::find_or_start) {
        Ok(server) => create_database(&server.url),
        Err(reason) => Err(reason.clone()),
    };
    created.unwrap_or_else(|reason| panic!("no PostgreSQL to test with: {reason}"))
}

/// Runs statements in a database past every port, as somebody with a database client would.
///
/// # Errors
/// What the server says.
pub fn execute(url: &str, sql: &str) -> Result<(), String> {
    // A thread of its own, because the caller may be inside a runtime already.
    std::thread::scope(|scope| {
        scope
            .spawn(|| execute_on_this_thread(url, sql))
            .join()
            .unwrap_or_else(|_| Err("the client panicked".to_owned()))
    })
}

fn execute_on_this_thread(url: &str, sql: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|error| describe(&error))?;
        let driver = tokio::spawn(connection);
        let answer = client.batch_execute(sql).await.map_err(|error| describe(&error));
        drop(client);
        // Whatever ends the connection after the answer does not change the answer.
        drop(driver.await);
        answer
    })
}

fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(refused), _) => refused.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn create_database(server: &str) -> Result<String, String> {
    let name = format!("tributary_test_{}", random_name()?);
    execute(
        server,
        &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"),
    )?;
    address_of(server, &name)
}

/// The server's address with another database.
fn address_of(server: &str, database: &str) -> Result<String, String> {
    let (scheme, rest) =
        server.split_once("://").ok_or_else(|| format!("{URL_VARIABLE} is not a postgres:// address"))?;
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let authority = place.split('/').next().unwrap_or_default();
    Ok(match query {
        Some(query) => format!("{scheme}://{authority}/{database}?{query}"),
        None => format!("{scheme}://{authority}/{database}"),
    })
}

fn random_name() -> Result<String, String> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness for a name: {error}"))?;
    Ok(hex::encode(bytes))
}

/// A running server.
struct Server {
    /// Address of its first database.
    url: String,
    /// Held open while this process lives; see [`WATCHDOG`]. None when the server is somebody else's.
    _lifeline: Option<ChildStdin>,
}

impl Server {
    fn find_or_start() -> Result<Self, String> {
        match std::env::var(URL_VARIABLE) {
            Ok(url) if !url.is_empty() => Ok(Self { url, _lifeline: None }),
            _ => Self::start(),
        }
    }

    fn start() -> Result<Self, String> {
        let programs = find_programs()?;
        let folder = std::env::temp_dir().join(format!("tributary-postgres-{}", random_name()?));
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let data = folder.join("data");
        // Before the server, so that nothing is left behind wherever this fails.
        let lifeline = watch(&data, &folder)?;
        let user = Unprivileged::own(&folder)?;
        lay_out(&user, &programs, &folder, &data)?;
        for _ in 0..START_ATTEMPTS {
            let port = free_port()?;
            let mut server = spawn_server(&user, &programs, &folder, &data, port)?;
            if is_ready_in_time(&mut server, &data) {
                let url = format!("postgres://tributary@127.0.0.1:{port}/postgres");
                return Ok(Self { url, _lifeline: Some(lifeline) });
            }
        }
        Err(format!("the server did not start: {}", end_of(&folder.join("server.log"))))
    }
}

/// Starts the watchdog and answers the pipe that keeps it waiting.
fn watch(data: &Path, folder: &Path) -> Result<ChildStdin, String> {
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "sh"])
        .args([data, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Neither Ctrl-C nor a runner that ends the whole group of processes may end it before its work.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("sh: {error}"))?;
    watchdog.stdin.take().ok_or_else(|| "the watchdog has no input".to_owned())
}

fn lay_out(user: &Unprivileged, programs: &Path, folder: &Path, data: &Path) -> Result<(), String> {
    let output = user
        .command(&programs.join("initdb"))
        .arg("-D")
        .arg(data)
        .args(["-U", "tributary", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("initdb: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn spawn_server(
    user: &Unprivileged,
    programs: &Path,
    folder: &Path,
    data: &Path,
    port: u16,
) -> Result<Child, String> {
    let log = File::create(folder.join("server.log")).map_err(|error| format!("server.log: {error}"))?;
    let errors = log.try_clone().map_err(|error| format!("server.log: {error}"))?;
    user.command(&programs.join("postgres"))
        .arg("-D")
        .arg(data)
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "logging_collector=off"])
        .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("postgres: {error}"))
}

/// Waits until the server writes that it is ready into its state file; false when it ends or takes too long.
fn is_ready_in_time(server: &mut Child, data: &Path) -> bool {
    let state = data.join("postmaster.pid");
    let start = Instant::now();
    while start.elapsed() < START_TIMEOUT {
        if matches!(server.try_wait(), Ok(Some(_)) | Err(_)) {
            return false;
        }
        if std::fs::read_to_string(&state)
            .is_ok_and(|text| text.lines().any(|line| line.trim_end() == "ready"))
        {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its other processes end with it.
    drop(server.kill());
    drop(server.wait());
    false
}

/// A port that nobody listens on at this moment.
fn free_port() -> Result<u16, String> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// The last two thousand bytes of a file, or what is wrong with it.
fn end_of(path: &Path) -> String {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2_000)..]).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// The folder with both `initdb` and `postgres`; the newest version when there are several.
fn find_programs() -> Result<PathBuf, String> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(folder) = std::env::var_os(PROGRAMS_VARIABLE) {
        folders.push(folder.into());
    }
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    let mut packaged: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    packaged.sort();
    folders.extend(packaged.into_iter().rev().map(|(_, folder)| folder));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| {
            format!(
                "its programs are not installed; install them, or set {PROGRAMS_VARIABLE} or {URL_VARIABLE}"
            )
        })
}

/// Whose name the server runs in: PostgreSQL refuses to be run by root.
struct Unprivileged {
    /// None when this process is not root's.
    user: Option<SystemUser>,
}

/// One line of `/etc/passwd`.
struct SystemUser {
    name: String,
    user_id: u32,
    group_id: u32,
}

impl Unprivileged {
    /// Chooses the user and gives him the folder.
    fn own(folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        // Whoever creates a folder owns it.
        if std::fs::metadata(folder).map_err(failed)?.uid() != 0 {
            return Ok(Self { user: None });
        }
        let accounts =
            std::fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| SystemUser::find(&accounts, name))
            .ok_or("PostgreSQL refuses to be run by root, and there is no user `postgres` or `nobody`")?;
        std::os::unix::fs::chown(folder, Some(user.user_id), Some(user.group_id)).map_err(failed)?;
        Ok(Self { user: Some(user) })
    }

    /// A command in his name.
    fn command(&self, program: &Path) -> Command {
        let Some(user) = &self.user else {
            return Command::new(program);
        };
        let mut command = Command::new(program);
        // Dropping the identity of root drops its supplementary groups too.
        command.uid(user.user_id).gid(user.group_id).env("USER", &user.name).env("LOGNAME", &user.name);
        command
    }
}

impl SystemUser {
    fn find(accounts: &str, name: &str) -> Option<Self> {
        accounts
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))
            .and_then(|fields| {
                Some(Self {
                    name: name.to_owned(),
                    user_id: fields.get(2)?.parse().ok()?,
                    group_id: fields.get(3)?.parse().ok()?,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_everything_but_its_database() {
        for (server, expected) in [
            ("postgres://me@127.0.0.1:5433/postgres", "postgres://me@127.0.0.1:5433/new"),
            ("postgresql://me:secret@host", "postgresql://me:secret@host/new"),
            ("postgres://host/old?sslmode=disable", "postgres://host/new?sslmode=disable"),
            ("postgres://host?sslmode=disable", "postgres://host/new?sslmode=disable"),
        ] {
            assert_eq!(address_of(server, "new"), Ok(expected.to_owned()));
        }
        assert!(address_of("host=127.0.0.1", "new").is_err());
    }

    #[test]
    fn every_database_is_new_and_empty() {
        let (one, other) = (fresh_database(), fresh_database());
        assert_ne!(one, other);
        for url in [one, other] {
            execute(&url, "CREATE TABLE fact (sequence bigint)").unwrap();
        }
    }
}
