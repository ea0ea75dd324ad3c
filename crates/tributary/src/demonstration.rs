//! `tributary demo`: a believable brand on a fresh installation, fed through the same intake as everything else.

use std::collections::HashMap;
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

use crate::desk::Desk;
use crate::edge::Edge;
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
    store.save_configuration(&sealed(&changes.rows, &keyring, now)?, Timestamp(i64::MAX))?;
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
        doors.submit(delivery.source, Submission { fields, raw: json.into_bytes() })?;
    }
    doors.finish()?;
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
        payout::advance(&mut desk, &run, step, &named, now)?;
    }
    Ok(())
}

/// The lines that `demo` prints: where to look, what to click, what to send.
///
/// # Errors
/// When the demonstration's source is not there.
pub fn banner(
    address: &std::net::SocketAddr,
    data_dir: &std::path::Path,
    tour: &Tour,
) -> anyhow::Result<String> {
    let base = format!("http://{address}");
    let key = SourceKey::parse(world::SHOP)?;
    let (_, secret) = tour
        .secrets
        .iter()
        .find(|(source, _)| *source == key.as_str())
        .context("the demonstration has no shop")?;
    let creator =
        world::PARTNERS.iter().find(|partner| partner.kind == "creator").map_or("", |partner| partner.key);
    let body = format!(
        "{{\"event_type\":\"conversion\",\"event_id\":\"try-1\",\"customer_id\":\"try-customer\",\"transaction_id\":\"try-order-1\",\"value\":\"49.90\",\"currency\":\"EUR\",\"creator_id\":\"{creator}\"}}"
    );
    let signature = sign_body(&Secret(secret.as_bytes().to_vec()), body.as_bytes());
    let explain = tour.order.as_ref().map_or_else(String::new, |order| {
        format!("\n  explain a conversion\n    tributary explain {order} --data-dir {}\n    {base}/explain?id={order}\n", data_dir.display())
    });
    Ok(format!(
        "\nTributary is running with a demonstration brand.\n\n  look          {base}/\n  click         {base}/c/{link}?sub1=hello\n\n  send a signed webhook\n    curl -sS {base}/webhooks/{key} -H 'content-type: application/json' \\\n      -H 'x-webhook-signature: {signature}' \\\n      -d '{body}'\n\n  send a postback for a click of your own\n    CLICK=$(curl -sS -o /dev/null -w '%{{redirect_url}}' {base}/c/{link} | sed 's/.*click_id=//')\n    curl -sS \"{base}/postback/{key}?token={secret}&click_id=$CLICK&transaction_id=try-order-2&amount=80.00&currency=EUR\"\n{explain}\n  stop with Ctrl-C; the data stays in {dir}\n",
        link = tour.link,
        dir = data_dir.display()
    ))
}
