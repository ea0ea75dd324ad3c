//! `tributary demo`: a believable brand on a fresh installation, fed through the same intake as everything else.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tributary_adapters::canonical::fields_from_json;
use tributary_adapters::import::ColumnMap;
use tributary_adapters::signature::sign_body;
use tributary_domain::configuration::Secret;
use tributary_domain::fact::PayoutStep;
use tributary_domain::ids::{BrandKey, SourceKey};
use tributary_domain::time::{Span, Timestamp};
use tributary_sim::world::{self, Secrets, SetUp};
use tributary_sim::{Parameters, simulate};
use tributary_store::log::Way;
use tributary_store::state::JudgedAnew;

use crate::desk::Desk;
use crate::edge::Edge;
use crate::edge::outcome::{Outcome, Status};
use crate::importing::{DirectDoor, DoorsBySource, Submission};
use crate::operations::payout;
use crate::setup::live::{opened, sealed};
use crate::setup::{Document, SetupFile, plan};
use crate::storage::Storage;

/// Clicks of the demonstration: enough to look alive, few enough to be there in seconds.
const CLICKS: u64 = 8_000;
const SEED: u64 = 2026;
/// How long ago the story begins, so that holds have passed and payouts were made.
const STORY: Span = Span::days(100);
/// Payouts are cut off so long before the present: the last weeks still show what is pending and in hold.
const PAID_UNTIL: Span = Span::days(20);

/// What a newcomer may try next.
pub struct Tour {
    /// A link to click.
    pub link: &'static str,
    /// An order whose explanation shows much.
    pub order: Option<String>,
    /// Secrets of the sources.
    pub secrets: Secrets,
}

/// Random secrets for the demonstration's sources.
///
/// # Errors
/// When the system has no randomness.
pub fn secrets() -> anyhow::Result<Secrets> {
    let fresh = || -> anyhow::Result<String> {
        let mut bytes = [0u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(hex::encode(bytes))
    };
    Ok(Secrets { site: fresh()?, shop: fresh()?, crm: fresh()?, network: fresh()? })
}

/// Applies the demonstration's set-up to a fresh installation.
///
/// # Errors
/// When the installation cannot be written or holds something already.
pub fn set_up(storage: &Storage, secrets: &Secrets, now: Timestamp) -> anyhow::Result<()> {
    storage.create_directory()?;
    let keyring = storage.keyring()?;
    let store = storage.configuration()?;
    let (_, stored) = store.load_configuration()?;
    anyhow::ensure!(
        opened(&stored, &keyring)?.is_empty(),
        "{} already holds an installation; `demo` needs a fresh directory",
        storage.data_dir().display()
    );
    let text = world::set_up(&SetUp { shop_address: "https://example.com", secrets });
    let document = Document::read(&[SetupFile { name: "demo.yaml".to_owned(), text }], &[], &|_| None)?;
    let changes = plan(&[], &document, now)?;
    store.save_configuration(&sealed(&changes.rows, &keyring, now)?, JudgedAnew::NOTHING)?;
    Ok(())
}

/// Tells the story up to the present, then pays what is due.
///
/// # Errors
/// When log or store fail.
pub fn fill(edge: &Arc<Edge>, secrets: Secrets, now: Timestamp) -> anyhow::Result<Tour> {
    let configuration = edge.configuration.current();
    let mut doors = DoorsBySource::new(|source| {
        DirectDoor::open(
            edge.intake.clone(),
            configuration.clone(),
            source,
            &ColumnMap::default(),
            Way::Events,
        )
        .map_err(|reason| anyhow::anyhow!("{source}: {}", reason.message()))
    });
    let mut refused = 0;
    let mut count = |outcomes: Vec<Outcome>| {
        refused += outcomes.iter().filter(|outcome| outcome.status == Status::Rejected).count();
    };
    let mut order = None;
    let start = now.plus(Span(-STORY.0));
    for delivery in simulate(&Parameters::new(SEED, CLICKS, start)) {
        // What has not happened yet is not told.
        if delivery.occurred_at > now || delivery.delivered_at > now {
            continue;
        }
        if delivery.truth.as_ref().is_some_and(tributary_sim::ConversionTruth::is_instructive) {
            order = delivery.event.transaction_id.clone().or(order);
        }
        let json = delivery.event.to_json();
        let fields = fields_from_json(json.as_bytes())?;
        count(doors.submit(delivery.source, Submission { fields, raw: json.into_bytes() })?);
    }
    count(doors.finish()?);
    if refused > 0 {
        tracing::warn!(refused, "some events of the demonstration were refused");
    }
    pay(edge, now)?;
    let link = world::LINKS.first().map_or("", |link| link.key);
    Ok(Tour { link, order, secrets })
}

fn pay(edge: &Arc<Edge>, now: Timestamp) -> anyhow::Result<()> {
    let mut desk = Desk::beside(edge);
    desk.catch_up()?;
    let brand = BrandKey::parse(world::BRAND)?;
    let cut_off = now.plus(Span(-PAID_UNTIL.0));
    let run = format!("{}-demo", cut_off.period());
    let report = payout::prepare(&mut desk, &brand, &run, cut_off, now)?;
    if report.payouts.is_empty() {
        return Ok(());
    }
    let references: HashMap<String, String> = report
        .payouts
        .iter()
        .map(|payout| (payout.payout.clone(), format!("SEPA-{}", payout.payout)))
        .collect();
    for step in [PayoutStep::Approved, PayoutStep::Exported, PayoutStep::Settled] {
        let named = if step == PayoutStep::Settled { references.clone() } else { HashMap::new() };
        payout::advance(&mut desk, &brand, &run, step, &named, now)?;
    }
    Ok(())
}

/// The lines that `demo` prints: where to look, what to click, what to send. `program` is how this program was called, so that
/// its line can be pasted.
///
/// # Errors
/// When the demonstration's source is not there.
pub fn banner(
    address: &std::net::SocketAddr,
    data_dir: &Path,
    tour: &Tour,
    program: &str,
) -> anyhow::Result<String> {
    let base = format!("http://{address}");
    let source = SourceKey::parse(world::SHOP)?;
    let (_, secret) = tour
        .secrets
        .iter()
        .find(|(key, _)| *key == source.as_str())
        .context("the demonstration has no shop")?;
    let body = example_event();
    let signature = sign_body(&Secret(secret.as_bytes().to_vec()), body.as_bytes());
    let (link, data_dir) = (tour.link, data_dir.display());
    let explain = tour.order.as_ref().map_or_else(String::new, |order| {
        format!(
            "
  explain a conversion
    {program} explain {order} --data-dir {data_dir}
    {base}/explain?id={order}
"
        )
    });
    Ok(format!(
        "
Tributary is running with a demonstration brand.

  look          {base}/
  click         {base}/c/{link}?sub1=hello

  send a signed webhook
    curl -sS {base}/webhooks/{source} -H 'content-type: application/json' \\
      -H 'x-webhook-signature: {signature}' \\
      -d '{body}'

  send a postback for a click of your own
    CLICK=$(curl -sS -o /dev/null -w '%{{redirect_url}}' {base}/c/{link} | sed 's/.*click_id=//')
    curl -sS \"{base}/postback/{source}?token={secret}&click_id=$CLICK&transaction_id=try-order-2&amount=80.00&currency=EUR\"
{explain}
  stop with Ctrl-C; the data stays in {data_dir}
"
    ))
}

/// A purchase that names the first creator.
fn example_event() -> String {
    let creator =
        world::PARTNERS.iter().find(|partner| partner.kind == "creator").map_or("", |partner| partner.key);
    format!(
        r#"{{"event_type":"conversion","event_id":"try-1","customer_id":"try-customer","transaction_id":"try-order-1","value":"49.90","currency":"EUR","creator_id":"{creator}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

    #[test]
    fn a_demonstration_needs_a_fresh_directory() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: directory.path().join("demo"), ..Settings::default() };
        let storage = Storage::of(&settings);
        set_up(&storage, &secrets().unwrap(), NOW).unwrap();
        let refused = set_up(&storage, &secrets().unwrap(), NOW).unwrap_err().to_string();
        assert!(refused.contains("needs a fresh directory"), "{refused}");
    }

    #[test]
    fn the_lines_to_paste_are_signed_and_call_the_program_as_it_was_called() {
        let secrets = secrets().unwrap();
        let tour = Tour { link: "anna1", order: Some("ord-1".to_owned()), secrets };
        let address = "127.0.0.1:8080".parse().unwrap();
        let text = banner(&address, Path::new("/tmp/demo"), &tour, "target/release/tributary").unwrap();
        assert!(text.contains("target/release/tributary explain ord-1 --data-dir /tmp/demo"), "{text}");
        let body = text.lines().find_map(|line| line.trim().strip_prefix("-d '")).unwrap();
        let body = body.trim_end_matches('\'');
        fields_from_json(body.as_bytes()).unwrap();
        let (_, secret) = tour.secrets.iter().find(|(key, _)| *key == world::SHOP).unwrap();
        let signature = sign_body(&Secret(secret.as_bytes().to_vec()), body.as_bytes());
        assert!(text.contains(&signature));
    }
}
