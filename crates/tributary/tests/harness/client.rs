//! A small HTTP client that hands every answer back, whatever its status.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tributary_domain::time::Timestamp;

/// Sends requests to one server.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    /// `http://127.0.0.1:port`
    pub address: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// `accepted`, `duplicate` or `rejected`.
    pub fn outcome(&self) -> String {
        self.json()["status"].as_str().unwrap_or("none").to_owned()
    }

    /// The event's id.
    #[track_caller]
    pub fn event_id(&self) -> String {
        self.json()["event_id"].as_str().unwrap_or_else(|| panic!("no event id: {self:?}")).to_owned()
    }

    /// The reason's code.
    pub fn reason(&self) -> String {
        self.json()["reason"]["code"].as_str().unwrap_or("none").to_owned()
    }

    /// Asserts that the event was accepted.
    #[track_caller]
    pub fn accepted(self) -> Self {
        assert_eq!((self.status, self.outcome().as_str()), (202, "accepted"), "{}", self.body);
        self
    }

    /// Asserts that it was refused in exactly this way.
    #[track_caller]
    pub fn refused(self, status: u16, reason: &str) -> Self {
        assert_eq!((self.status, self.reason().as_str()), (status, reason), "{}", self.body);
        assert_eq!(self.outcome(), "rejected");
        self
    }
}

impl Client {
    /// A client of the server at this address.
    pub fn new(address: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self { agent, address: address.to_owned() }
    }

    /// Sends a request; an error is a connection that broke.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() && method != "POST" {
            self.agent.run(request.body(()).unwrap())?
        } else {
            self.agent.run(request.body(body).unwrap())?
        };
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let bytes = response.body_mut().with_config().limit(256 << 20).read_to_vec()?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status: response.status().as_u16(), headers, body })
    }

    /// Sends a request and has an answer.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        match self.try_send(method, path, headers, body) {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// `GET`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// `POST` of a body.
    #[track_caller]
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        self.send("POST", path, headers, body.as_ref())
    }

    /// Writes these bytes on a connection of its own and answers what comes back until the server closes: for what no client
    /// would send.
    pub fn raw(&self, bytes: &[u8]) -> String {
        self.bytes(bytes, false)
    }

    /// As [`Self::raw`], and hangs up when the bytes are sent.
    pub fn raw_cut(&self, bytes: &[u8]) -> String {
        self.bytes(bytes, true)
    }

    fn bytes(&self, bytes: &[u8], cut: bool) -> String {
        let mut stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The server may have answered and closed before it has read everything.
        let _ = stream.write_all(bytes);
        if cut {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Follows a tracked link and answers the click id that the destination was given.
    #[track_caller]
    pub fn click(&self, link: &str) -> String {
        let answer = self.get(&format!("/c/{link}"));
        assert_eq!(answer.status, 302, "{answer:?}");
        let location = url::Url::parse(answer.header("location").unwrap()).unwrap();
        let last = location.query_pairs().last().map(|(_, value)| value.into_owned());
        last.expect("a destination with a click id")
    }
}

/// The present in Unix seconds, less so many.
pub fn seconds_ago(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() - seconds
}

/// The same as an RFC 3339 text.
pub fn timestamp_ago(seconds: i64) -> String {
    Timestamp(seconds_ago(seconds) * 1_000_000).to_string()
}
