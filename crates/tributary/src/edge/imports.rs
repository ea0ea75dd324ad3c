//! `POST /v1/imports`: files, as `tributary import` takes them. Spooled durably, then imported in the background.
//!
//! `?source=S&filename=orders.csv.gz`, the file as the body, the column map (TOML, base64) in the header `x-tributary-map`.
//! The answer is 202 with the import's id once the file is on disk; an import that a restart interrupts goes on afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tributary_adapters::import::{ColumnMap, Format};
use tributary_adapters::signature::Scheme;
use tributary_domain::configuration::Configuration;
use tributary_domain::ids::{EventId, SourceKey};
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;
use tributary_store::log::Way;

use super::address::PathText;
use super::events::identify;
use super::intake::source;
use super::outcome::Outcome;
use super::refusals::Refused;
use super::{Edge, now};
use crate::importing::{self, DirectDoor, Job, Summary};

/// An acknowledged file is tried again so often, so long after each failure, before it is told as failed; the next start tries it again.
const MOST_RETRIES: u32 = 3;
const RETRY_WAIT: Duration = Duration::from_secs(5);

/// Imports of this process.
pub struct Imports {
    directory: PathBuf,
}

/// What is kept beside a spooled file.
#[derive(Serialize, Deserialize, Clone)]
struct Ticket {
    source: String,
    filename: String,
    map: Option<String>,
    state: TicketState,
    problem: Option<String>,
    summary: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TicketState {
    Running,
    Done,
    Failed,
}

impl Imports {
    /// Imports spooled under a data directory.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: data_dir.join("imports") }
    }

    fn file(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.data"))
    }

    fn result(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.result.csv"))
    }

    fn ticket_path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    fn ticket(&self, id: &str) -> Option<Ticket> {
        // An id is a UUID; anything else must not become a path.
        EventId::parse(id).ok()?;
        serde_json::from_slice(&std::fs::read(self.ticket_path(id)).ok()?).ok()
    }

    fn keep(&self, id: &str, ticket: &Ticket) -> std::io::Result<()> {
        let part = self.directory.join(format!("{id}.json.part"));
        let file = std::fs::File::create(&part)?;
        serde_json::to_writer(&file, ticket)?;
        file.sync_all()?;
        std::fs::rename(part, self.ticket_path(id))
    }
}

/// Who sends which file.
#[derive(Deserialize)]
pub struct ImportParameters {
    source: Option<String>,
    filename: Option<String>,
}

/// Receives a file.
pub async fn receive(
    State(edge): State<Arc<Edge>>,
    Query(parameters): Query<ImportParameters>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (at, configuration) = (now(), edge.configuration.current());
    let named = parameters.source.as_deref();
    let source = named.and_then(|named| source(&configuration, named, at).ok()).map(|found| found.1);
    let mut request = Refused { named, source, ..Refused::new(Way::Import, at) };
    match take(&edge, &configuration, &mut request, &parameters, &headers, body).await {
        Ok(response) => response,
        Err(outcome) => edge.told(&request, outcome).into_response(),
    }
}

async fn take(
    edge: &Arc<Edge>,
    configuration: &Configuration,
    request: &mut Refused<'_>,
    parameters: &ImportParameters,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Outcome> {
    let at = request.at;
    // A file is too large to be signed as a whole: the source proves itself by its token, before the body is read.
    let key = token_of(configuration, parameters.source.as_deref(), headers, at)?;
    request.proven = true;
    let filename = parameters.filename.clone().unwrap_or_else(|| "import.csv".to_owned());
    if Format::of_file_name(&filename).is_none() {
        return Err(invalid("filename", "`filename` ends in neither .csv, .csv.gz, .jsonl nor .jsonl.gz"));
    }
    let map = match headers.get("x-tributary-map") {
        Some(value) => {
            let text = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text
                .ok_or_else(|| invalid("x-tributary-map", "`x-tributary-map` is not base64 of a TOML map"))?;
            ColumnMap::parse(&text)?;
            Some(text)
        }
        None => None,
    };
    let id = EventId::from_parts(at, &edge.intake.keyring.random_bytes()).to_string();
    let ticket = Ticket {
        source: key.to_string(),
        filename,
        map,
        state: TicketState::Running,
        problem: None,
        summary: None,
    };
    let mut spooled = Spooled { path: edge.imports.file(&id), kept: false };
    spool(edge, &spooled.path, body).await?;
    edge.imports.keep(&id, &ticket).map_err(|problem| unavailable(&problem))?;
    spooled.kept = true;
    start(edge, id.clone(), ticket);
    let answer = json!({ "id": id, "status": "running", "rows": format!("/v1/imports/{id}/rows") });
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// The source that a token proves. A signature would have to cover the file; one over nothing proves nothing.
fn token_of(
    configuration: &Configuration,
    named: Option<&str>,
    headers: &HeaderMap,
    at: Timestamp,
) -> Result<SourceKey, Outcome> {
    let (key, _, verified) = identify(configuration, named, headers, b"", at)?;
    if verified.scheme() == Scheme::Token {
        return Ok(key);
    }
    Err(Outcome {
        message: Some("a file is not signed: its source proves itself by its token".to_owned()),
        hint: Some("Send the secret as `Authorization: Bearer SECRET`, without a signature.".to_owned()),
        ..Outcome::rejected(Reason::SignatureInvalid)
    })
}

fn invalid(field: &str, message: &str) -> Outcome {
    Outcome {
        field: Some(field.to_owned()),
        message: Some(message.to_owned()),
        ..Outcome::rejected(Reason::InvalidField)
    }
}

fn unavailable(problem: &dyn std::fmt::Display) -> Outcome {
    tracing::error!(%problem, "an import could not be spooled");
    Outcome::rejected(Reason::StorageUnavailable)
}

/// A file as it arrives. It holds personal data in the clear, so that nothing of it may stay when its sender goes away.
struct Spooled {
    path: PathBuf,
    kept: bool,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if !self.kept {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Creates a file that only its owner may read.
fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes the body to disk, up to the limit, durably.
async fn spool(edge: &Edge, path: &Path, body: Body) -> Result<(), Outcome> {
    use http_body_util::BodyExt;
    std::fs::create_dir_all(&edge.imports.directory).map_err(|problem| unavailable(&problem))?;
    let mut file = tokio::fs::File::from_std(create_private(path).map_err(|problem| unavailable(&problem))?);
    let mut body = body;
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Outcome {
            message: Some("the file was cut off; nothing of it is kept".to_owned()),
            ..Outcome::rejected(Reason::MalformedBody)
        });
        let too_large = length > edge.limits.import_bytes;
        match frame {
            Ok(frame) if !too_large => {
                if let Some(data) = frame.data_ref() {
                    length += data.len() as u64;
                    file.write_all(data).await.map_err(|problem| unavailable(&problem))?;
                }
            }
            failed => {
                return Err(failed.err().unwrap_or_else(|| Outcome {
                    message: Some(format!("the file is larger than {} bytes", edge.limits.import_bytes)),
                    ..Outcome::rejected(Reason::TooLarge)
                }));
            }
        }
    }
    file.sync_all().await.map_err(|problem| unavailable(&problem))
}

/// Goes on with imports that a former process left unfinished, and removes what it was receiving when it ended: that was not
/// answered, so its sender sends it again.
pub fn resume(edge: &Arc<Edge>) {
    let Ok(entries) = std::fs::read_dir(&edge.imports.directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(id) = name.strip_suffix(".data")
            && !edge.imports.ticket_path(id).exists()
        {
            drop(std::fs::remove_file(entry.path()));
        }
        let Some(id) = name.strip_suffix(".json") else { continue };
        match edge.imports.ticket(id) {
            // What failed was acknowledged: the file is still there, and a new start may have mended the cause.
            Some(ticket) if ticket.state != TicketState::Done => start(edge, id.to_owned(), ticket),
            _ => {}
        }
    }
}

fn start(edge: &Arc<Edge>, id: String, ticket: Ticket) {
    let edge = edge.clone();
    let thread = std::thread::Builder::new().name("import".to_owned());
    let spawned = thread.spawn(move || {
        let mut done = work(&edge, &id, &ticket);
        for _ in 0..MOST_RETRIES {
            if done.is_ok() {
                break;
            }
            std::thread::sleep(RETRY_WAIT);
            done = work(&edge, &id, &ticket);
        }
        let ticket = match done {
            Ok(summary) => {
                Ticket { state: TicketState::Done, summary: serde_json::to_value(summary).ok(), ..ticket }
            }
            Err(problem) => Ticket { state: TicketState::Failed, problem: Some(format!("{problem:#}")), ..ticket },
        };
        if let Err(problem) = edge.imports.keep(&id, &ticket) {
            tracing::error!(%problem, "an import's end could not be noted; it is run again at the next start");
        }
        if ticket.state == TicketState::Done {
            // The raw file holds personal data and is in the log, sealed.
            drop(std::fs::remove_file(edge.imports.file(&id)));
        }
    });
    if let Err(problem) = spawned {
        tracing::error!(%problem, "an import could not be started; it is run at the next start");
    }
}

fn work(edge: &Arc<Edge>, id: &str, ticket: &Ticket) -> anyhow::Result<Summary> {
    let configuration = edge.configuration.current();
    let map = match &ticket.map {
        Some(text) => ColumnMap::parse(text).map_err(|refusal| anyhow::anyhow!("{refusal}"))?,
        None => ColumnMap::default(),
    };
    let format = Format::of_file_name(&ticket.filename)
        .ok_or_else(|| anyhow::anyhow!("`{}` has no known form", ticket.filename))?;
    let mut door = DirectDoor::open(edge.intake.clone(), configuration, &ticket.source, &map, Way::Import)
        .map_err(|reason| anyhow::anyhow!("{}", reason.message()))?;
    let job = Job {
        file: edge.imports.file(id),
        format,
        map,
        identity: format!("{} {}", ticket.source, ticket.map.as_deref().unwrap_or_default()),
        result: Some(edge.imports.result(id)),
    };
    importing::run(&job, &mut door, &mut |_, _| {})
}

/// How an import stands.
pub async fn status(State(edge): State<Arc<Edge>>, PathText(id): PathText, headers: HeaderMap) -> Response {
    match owned(&edge, &id, &headers) {
        Ok(ticket) => axum::Json(json!({
            "id": id,
            "source": ticket.source,
            "status": ticket.state,
            "summary": ticket.summary,
            "problem": ticket.problem,
        }))
        .into_response(),
        Err(outcome) => outcome.into_response(),
    }
}

/// The outcomes of its rows, as CSV.
pub async fn rows(State(edge): State<Arc<Edge>>, PathText(id): PathText, headers: HeaderMap) -> Response {
    if let Err(outcome) = owned(&edge, &id, &headers) {
        return outcome.into_response();
    }
    let path = edge.imports.result(&id);
    match tokio::fs::read(path).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], bytes).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "no row has been imported yet\n").into_response(),
    }
}

/// The ticket, for the source that it belongs to.
fn owned(edge: &Edge, id: &str, headers: &HeaderMap) -> Result<Ticket, Outcome> {
    let unknown = || Outcome {
        message: Some("there is no such import".to_owned()),
        hint: Some("Use the id that `POST /v1/imports` answered.".to_owned()),
        ..Outcome::rejected(Reason::UnknownSource)
    };
    let ticket = edge.imports.ticket(id).ok_or_else(unknown)?;
    let configuration = edge.configuration.current();
    token_of(&configuration, Some(&ticket.source), headers, now())?;
    Ok(ticket)
}
