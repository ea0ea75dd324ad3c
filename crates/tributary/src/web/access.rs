//! Who may read the pages: they show money.
//!
//! Processes of this machine may. Anybody else needs the read token, as `Authorization: Bearer` or by signing in, which keeps
//! a value derived from it in a cookie. What only looks local is not: a request that a proxy passed on (it says so in a
//! header), or one that a browser sends under a foreign host name (a name that an attacker lets point to 127.0.0.1).
//! The peer's address is taken from [`ConnectInfo`]; a server that does not provide it serves nobody without token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tributary_domain::reason::Reason;

use super::{Pages, layout};
use crate::edge::outcome::Outcome;

/// Who may read pages and figures.
#[derive(Clone, PartialEq, Eq)]
pub enum ReadAccess {
    /// Only processes of this machine.
    Loopback,
    /// Processes of this machine, and whoever knows the token. An empty token lets nobody in.
    Token(String),
}

impl std::fmt::Debug for ReadAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loopback => "Loopback",
            Self::Token(_) => "Token(..)",
        })
    }
}

/// The cookie that keeps a browser signed in.
const COOKIE: &str = "tributary_read";

/// How long a browser stays signed in.
const COOKIE_SECONDS: u32 = 12 * 60 * 60;

/// Headers by which a proxy says that the peer is not the client.
const PASSED_ON: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

impl ReadAccess {
    /// Whether a request may read.
    #[must_use]
    pub fn allows(&self, peer: Option<IpAddr>, uri: &Uri, headers: &HeaderMap) -> bool {
        is_local(peer, uri, headers) || self.knows_token(headers)
    }

    /// Whether this is the token, compared in constant time.
    #[must_use]
    pub fn is_token(&self, presented: &str) -> bool {
        let Self::Token(token) = self else { return false };
        if token.is_empty() {
            return false;
        }
        match (cookie_code(presented), cookie_code(token)) {
            (Some(presented), Some(own)) => presented.verify_slice(&own.finalize().into_bytes()).is_ok(),
            _ => false,
        }
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let bearer =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
            });
        bearer.is_some_and(|token| self.is_token(token)) || self.has_cookie(headers)
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let Self::Token(token) = self else { return false };
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        !token.is_empty()
            && values.any(|(name, value)| {
                let given = hex::decode(value).unwrap_or_default();
                name == COOKIE && cookie_code(token).is_some_and(|code| code.verify_slice(&given).is_ok())
            })
    }

    /// The cookie of a browser that presented the token.
    fn cookie(&self, secure: bool) -> Option<String> {
        let Self::Token(token) = self else { return None };
        let code = hex::encode(cookie_code(token)?.finalize().into_bytes());
        let secure = if secure { "; Secure" } else { "" };
        Some(format!("{COOKIE}={code}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict{secure}"))
    }
}

/// What the cookie holds: derived from the token, so that it cannot be used as one, and changed with it.
fn cookie_code(token: &str) -> Option<Hmac<Sha256>> {
    let mut code = Hmac::<Sha256>::new_from_slice(b"tributary read cookie 1").ok()?;
    code.update(token.as_bytes());
    Some(code)
}

fn is_local(peer: Option<IpAddr>, uri: &Uri, headers: &HeaderMap) -> bool {
    let local_peer = peer.is_some_and(|address| address.to_canonical().is_loopback());
    let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(*name));
    let host = headers.get(header::HOST).map(|value| value.to_str().unwrap_or("?"));
    local_peer && !passed_on && host.is_none_or(is_local_name) && uri.host().is_none_or(is_local_name)
}

/// Whether a host, with or without port, is a name of this machine.
fn is_local_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = name.parse().ok();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|a| a.to_canonical().is_loopback())
}

/// Lets readers pass and tells others what they need.
pub(super) async fn guard(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if pages.access.allows(peer, request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let wants_page = !request.uri().path().starts_with("/v1/");
    refused(&pages.access, wants_page, false)
}

/// 403 with what is needed, as a page or as JSON.
fn refused(access: &ReadAccess, wants_page: bool, wrong_token: bool) -> Response {
    let by_token = matches!(access, ReadAccess::Token(token) if !token.is_empty());
    if wants_page {
        return (StatusCode::FORBIDDEN, layout::refused(by_token, wrong_token)).into_response();
    }
    let hint = if by_token {
        "Send the read token as `Authorization: Bearer TOKEN`."
    } else {
        "Ask from the machine that the server runs on, without a proxy, or set `api.read_token` in the server's settings."
    };
    Outcome {
        message: Some(
            "these figures show money; they are served to this machine and to holders of the read token"
                .into(),
        ),
        hint: Some(hint.to_owned()),
        ..Outcome::rejected(Reason::NotAllowed)
    }
    .into_response()
}

/// `POST /session`: a browser presents the token once.
pub(super) async fn sign_in(State(pages): State<Arc<Pages>>, headers: HeaderMap, body: String) -> Response {
    let token = form_urlencoded::parse(body.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned());
    let secure =
        headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    let cookie =
        token.filter(|token| pages.access.is_token(token.trim())).and_then(|_| pages.access.cookie(secure));
    match cookie {
        Some(cookie) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)])
                .into_response()
        }
        None => {
            // Guessing gets slow; whoever mistyped does not notice.
            tokio::time::sleep(Duration::from_millis(500)).await;
            refused(&pages.access, true, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn allows(access: &ReadAccess, peer: &str, pairs: &[(&'static str, &str)]) -> bool {
        access.allows(peer.parse().ok(), &Uri::from_static("/"), &headers(pairs))
    }

    #[test]
    fn processes_of_this_machine_may_read() {
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST", "acme.localhost:1"] {
                assert!(allows(&ReadAccess::Loopback, peer, &[("host", host)]), "{peer} {host}");
            }
            assert!(allows(&ReadAccess::Loopback, peer, &[]));
        }
    }

    #[test]
    fn others_and_what_only_looks_local_may_not() {
        for peer in ["10.0.0.7", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.7", "no address"] {
            assert!(!allows(&ReadAccess::Loopback, peer, &[("host", "127.0.0.1:8080")]), "{peer}");
        }
        for (name, value) in [
            ("host", "rebound.example:8080"),
            ("host", "127.0.0.1.example"),
            ("host", "localhost.example"),
            ("host", "not a host"),
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("via", "1.1 proxy"),
        ] {
            assert!(!allows(&ReadAccess::Loopback, "127.0.0.1", &[(name, value)]), "{name}: {value}");
        }
        let absolute = Uri::from_static("http://rebound.example/");
        assert!(!ReadAccess::Loopback.allows("127.0.0.1".parse().ok(), &absolute, &HeaderMap::new()));
    }

    #[test]
    fn the_token_opens_from_anywhere_as_bearer_or_cookie() {
        let access = ReadAccess::Token("correct horse".to_owned());
        let cookie = access.cookie(false).unwrap();
        let value = cookie.split(';').next().unwrap();
        assert!(!cookie.contains("correct horse"), "the cookie gives the token away");
        for (name, value, expected) in [
            ("authorization", "Bearer correct horse", true),
            ("authorization", "bearer correct horse", true),
            ("authorization", "Bearer correct hors", false),
            ("authorization", "Bearer ", false),
            ("authorization", "Basic correct horse", false),
            ("cookie", value, true),
            ("cookie", "tributary_read=00", false),
            ("cookie", "tributary_read=correct horse", false),
            ("cookie", "other=1", false),
        ] {
            assert_eq!(allows(&access, "203.0.113.9", &[(name, value)]), expected, "{name}: {value}");
            assert!(!allows(&ReadAccess::Loopback, "203.0.113.9", &[(name, value)]));
        }
        assert!(allows(&access, "203.0.113.9", &[("cookie", &format!("a=b; {value}; c=d"))]));
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        let access = ReadAccess::Token(String::new());
        let cookie = access.cookie(false).unwrap();
        assert!(!allows(&access, "203.0.113.9", &[("authorization", "Bearer ")]));
        assert!(!allows(&access, "203.0.113.9", &[("cookie", cookie.split(';').next().unwrap())]));
    }
}
