//! `tributary send`: one signed test event to a running server, to see that an integration can work.

use clap::Args;
use serde_json::{Map, Value};
use tributary_adapters::signature::{
    BODY_SIGNATURE_HEADER, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_body, sign_standard,
};
use tributary_domain::configuration::Secret;
use tributary_domain::fact::EventKind;
use tributary_domain::ids::SourceKey;
use tributary_domain::time::Timestamp;

use super::{Failure, OutputArgs, SettingsArgs, now, print_line};
use crate::nearest::nearest;
use crate::setup::live::LiveConfiguration;
use crate::storage::Storage;

/// The variable that may hold the secret, so that it stays out of the shell's history.
const SECRET_VARIABLE: &str = "TRIBUTARY_SECRET";

/// Arguments of `send`.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// Kind of event: conversion, registration, qualification, click, refund, status, ...
    event: String,
    /// Creator or partner who shall get the credit.
    #[arg(long, value_name = "KEY")]
    creator: Option<String>,
    /// Value in the currency's own units, such as 50 or 49.90.
    #[arg(long, value_name = "AMOUNT")]
    value: Option<String>,
    /// Currency of the value; not needed when the source has a default.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Customer id; a new test customer by default.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Order, deposit or account number; a new one by default.
    #[arg(long, value_name = "ID")]
    transaction: Option<String>,
    /// Click id, as it stood in the landing URL.
    #[arg(long, value_name = "ID")]
    click_id: Option<String>,
    /// Any other field of the event, such as goal=ftd; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// Address of the server, or of one webhook (http://host:port/webhooks/SOURCE).
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Source to send as; not needed where there is only one, and `shop` beside a --secret.
    #[arg(long, value_name = "KEY")]
    source: Option<String>,
    /// Secret of the source; not needed beside the data of the server.
    #[arg(long, value_name = "SECRET", env = SECRET_VARIABLE, hide_env_values = true)]
    secret: Option<String>,
    /// How to sign.
    #[arg(long, value_enum, default_value_t, value_name = "SCHEME")]
    signature: Scheme,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
enum Scheme {
    /// `x-webhook-signature`: HMAC of the body.
    #[default]
    Body,
    /// Standard Webhooks: HMAC of id, time and body.
    Standard,
}

/// Runs `send`.
///
/// # Errors
/// When the event cannot be sent, or when the server refuses it.
pub fn run(args: &SendArgs) -> Result<(), Failure> {
    let now = now()?;
    let sender = match &args.secret {
        Some(secret) => Sender {
            source: args.source.clone().unwrap_or_else(|| "shop".to_owned()),
            secret: Secret(secret.as_bytes().to_vec()),
            currency: None,
        },
        None => stored_sender(args.source.as_deref(), &args.settings, now)?,
    };
    let mut unique = [0u8; 8];
    getrandom::fill(&mut unique).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    let unique = hex::encode(unique);
    let body = body(args, &sender, now, &unique)?;
    let answer = post(args, &sender, now, &unique, &body)?;
    report(args, &answer)
}

/// In whose name the event is sent.
struct Sender {
    source: String,
    secret: Secret,
    /// The currency of a value that comes without one.
    currency: Option<String>,
}

/// Beside the server's data the secret need not be typed: it is taken from the stored set-up.
fn stored_sender(named: Option<&str>, settings: &SettingsArgs, now: Timestamp) -> Result<Sender, Failure> {
    let no_secret = |why: String| {
        Failure::usage(format!("no secret to sign with, and {why}")).hint(format!(
            "pass --secret, or set {SECRET_VARIABLE}, or run this beside the server's data with --data-dir"
        ))
    };
    let storage = Storage::of(&settings.settings()?);
    storage.must_exist().map_err(|error| no_secret(error.to_string()))?;
    let live = LiveConfiguration::load(storage.configuration()?, storage.keyring()?)?;
    let configuration = live.current();
    let sources: Vec<&SourceKey> = configuration.sources.keys().collect();
    let key = match (named, sources.as_slice()) {
        (Some(name), _) => sources.iter().find(|key| key.as_str() == name).copied().ok_or_else(|| {
            let close = nearest(name, sources.iter().map(|key| key.as_str())).unwrap_or("none");
            Failure::usage(format!("there is no source `{name}`; the nearest is `{close}`"))
        })?,
        (None, [only]) => *only,
        (None, _) => {
            let mut names: Vec<&str> = sources.iter().map(|key| key.as_str()).collect();
            names.sort_unstable();
            return Err(Failure::usage("which source shall send?")
                .hint(format!("--source, one of: {}", names.join(", "))));
        }
    };
    let source = configuration.source(key, now).ok_or_else(|| no_secret("the source is gone".to_owned()))?;
    let is_live = |end: &Option<Timestamp>| end.is_none_or(|end| now < end);
    let secret = source.secrets.iter().find(|(_, end)| is_live(end));
    let (secret, _) = secret.ok_or_else(|| no_secret(format!("the source `{key}` has none that is live")))?;
    let brand = configuration.brands.get(&source.brand).map(|versions| versions.at(now).currency);
    let currency = source.default_currency.or(brand).map(|currency| currency.code().to_owned());
    Ok(Sender { source: key.to_string(), secret: secret.clone(), currency })
}

/// The secret of a source: from the environment, or beside the server's data from the stored set-up.
///
/// # Errors
/// When neither holds one.
pub(crate) fn secret_of(source: &str, settings: &SettingsArgs) -> Result<String, Failure> {
    if let Ok(secret) = std::env::var(SECRET_VARIABLE) {
        return Ok(secret);
    }
    let sender = stored_sender(Some(source), settings, now()?)?;
    String::from_utf8(sender.secret.0).map_err(|_| Failure::new("the source's secret is not text"))
}

/// The event as canonical JSON. `unique` makes two runs two events, unless the caller names the event himself: then
/// all that is made up follows from that name, so that sending it again is sending the same.
fn body(args: &SendArgs, sender: &Sender, now: Timestamp, unique: &str) -> Result<String, Failure> {
    let Some(kind) = EventKind::from_name(&args.event) else {
        let close = nearest(&args.event, EventKind::ALL.map(EventKind::name)).unwrap_or_default();
        return Err(Failure::usage(format!(
            "`{}` is not a kind of event; the nearest is `{close}`",
            args.event
        ))
        .hint("a step of your own is a goal: tributary send conversion --field goal=deposit"));
    };
    let named = args.field.iter().find_map(|pair| pair.strip_prefix("event_id="));
    let unique = named.unwrap_or(unique);
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::String(value));
        }
    };
    put("event_type", Some(kind.name().to_owned()));
    put("event_id", Some(format!("test-{unique}")));
    put("timestamp", named.is_none().then(|| now.to_string()));
    put("customer_id", args.customer.clone().or_else(|| Some(format!("test-customer-{unique}"))));
    let transaction = || matches!(kind, EventKind::Conversion).then(|| format!("test-order-{unique}"));
    put("transaction_id", args.transaction.clone().or_else(transaction));
    put("creator_id", args.creator.clone());
    put("value", args.value.clone());
    let currency = || args.value.as_ref().and_then(|_| sender.currency.clone());
    put("currency", args.currency.clone().or_else(currency));
    put("click_id", args.click_id.clone());
    for pair in &args.field {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(
                Failure::usage(format!("`--field {pair}` has no value")).hint("write it as --field goal=ftd")
            );
        };
        put(name, Some(value.to_owned()));
    }
    Ok(Value::Object(fields).to_string())
}

/// What the server said.
struct Answer {
    status: u16,
    body: Value,
}

fn post(
    args: &SendArgs,
    sender: &Sender,
    now: Timestamp,
    unique: &str,
    body: &str,
) -> Result<Answer, Failure> {
    let address = address(&args.url, &sender.source)?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(std::time::Duration::from_secs(30)))
        .build()
        .into();
    let request = agent.post(address.as_str()).header("content-type", "application/json");
    let signed = match args.signature {
        Scheme::Body => request.header(BODY_SIGNATURE_HEADER, sign_body(&sender.secret, body.as_bytes())),
        Scheme::Standard => {
            let id = format!("msg_{unique}");
            request
                .header(SIGNATURE_HEADER, sign_standard(&sender.secret, &id, now, body.as_bytes()))
                .header(TIMESTAMP_HEADER, (now.0 / 1_000_000).to_string())
                .header(ID_HEADER, id)
        }
    };
    let mut response = signed.send(body).map_err(|error| {
        Failure::new(format!("cannot reach {address}: {error}"))
            .hint("start the server with `tributary serve`, or pass its address with --url")
    })?;
    let status = response.status().as_u16();
    let text = response
        .body_mut()
        .read_to_string()
        .map_err(|error| Failure::new(format!("the answer broke off: {error}")))?;
    let body = serde_json::from_str(&text).map_err(|_| {
        Failure::new(format!("{address} answered {status} with something else than an outcome"))
            .hint("check that --url is the address of a Tributary server")
    })?;
    Ok(Answer { status, body })
}

/// A bare server address gets the path of the source's webhook; one with a path is taken as it is.
fn address(text: &str, source: &str) -> Result<url::Url, Failure> {
    let mut url = url::Url::parse(text).map_err(|error| {
        Failure::usage(format!("`{text}` is not an address: {error}")).hint("http://127.0.0.1:8080")
    })?;
    if url.scheme() != "http" {
        return Err(Failure::usage(format!("`{}://` is not supported", url.scheme()))
            .hint("this command speaks plain http; run it beside the server, behind whatever ends TLS"));
    }
    if matches!(url.path(), "" | "/") {
        url.set_path(&format!("/webhooks/{source}"));
    }
    Ok(url)
}

fn report(args: &SendArgs, answer: &Answer) -> Result<(), Failure> {
    let text = |path: &str| answer.body.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (status, event, message) = (text("/status"), text("/event_id"), text("/reason/message"));
    if args.output.is_json() {
        print_line(&answer.body)?;
    } else if status != "rejected" {
        print_line(format!("{status} ({}) {event}\n{message}", answer.status))?;
    }
    match status {
        "accepted" | "duplicate" => Ok(()),
        _ => {
            let code = text("/reason/code");
            let failure = Failure::new(format!("rejected ({}) {code}: {message}", answer.status));
            Err(match text("/reason/hint") {
                "" => failure,
                hint => failure.hint(hint),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SendArgs,
    }

    fn args(line: &str) -> SendArgs {
        Line::parse_from(std::iter::once("send").chain(line.split(' '))).args
    }

    fn sender(currency: Option<&str>) -> Sender {
        let currency = currency.map(str::to_owned);
        Sender { source: "shop".to_owned(), secret: Secret(b"0123456789abcdef".to_vec()), currency }
    }

    #[test]
    fn the_event_says_what_the_flags_say() {
        let args = args("conversion --creator cr_test1 --value 50 --currency EUR --field goal=deposit");
        let body: Value =
            serde_json::from_str(&body(&args, &sender(Some("USD")), Timestamp(0), "1").unwrap()).unwrap();
        for (name, value) in [
            ("event_type", "conversion"),
            ("creator_id", "cr_test1"),
            ("value", "50"),
            ("currency", "EUR"),
            ("goal", "deposit"),
            ("event_id", "test-1"),
            ("transaction_id", "test-order-1"),
        ] {
            assert_eq!(body[name], value, "{name}");
        }
    }

    #[test]
    fn an_event_with_a_name_is_the_same_whenever_it_is_sent() {
        let args = args("conversion --value 50 --field event_id=try-1");
        let body = |at, unique| body(&args, &sender(Some("EUR")), Timestamp(at), unique).unwrap();
        assert_eq!(body(1, "a"), body(2, "b"));
        assert!(body(1, "a").contains(r#""event_id":"try-1""#));
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_nearest() {
        let failure = body(&args("conversoin"), &sender(None), Timestamp(0), "1").unwrap_err().to_string();
        assert!(failure.contains("the nearest is `conversion`"), "{failure}");
    }

    #[test]
    fn a_bare_address_leads_to_the_source_s_webhook() {
        for (given, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/webhooks/shop"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/webhooks/shop"),
            ("http://127.0.0.1:8080/webhooks/other", "http://127.0.0.1:8080/webhooks/other"),
        ] {
            assert_eq!(address(given, "shop").unwrap().as_str(), expected);
        }
        assert!(address("https://x/", "shop").is_err());
        assert!(address("x", "shop").is_err());
    }
}
