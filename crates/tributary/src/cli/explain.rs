//! `tributary explain`: the whole chain behind anything, or behind its absence.

use clap::{ArgGroup, Args};
use tributary_domain::ids::SourceKey;
use tributary_domain::time::Timestamp;

use super::opened::Opened;
use super::{Failure, OutputArgs, SettingsArgs, now, print_json, print_line};
use crate::operations::explaining::{Explanation, Sight, Viewer};

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("question").required(true).args(["id", "time"]))]
pub struct ExplainArgs {
    /// Click id, event id, order or other transaction id, commission id, payout id, `#number` or `brand#number` of a ledger entry, promo
    /// code, or a customer's id.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Explain what came, or did not come, in this time instead, by the events' own times.
    #[arg(long, value_name = "FROM..TO", value_parser = span)]
    pub time: Option<(Timestamp, Timestamp)>,
    /// Only what this source sent.
    #[arg(long, value_name = "SOURCE", requires = "time", value_parser = SourceKey::parse)]
    pub source: Option<SourceKey>,
    /// Only what this partner may see: PARTNER, or BRAND/PARTNER.
    #[arg(long, value_name = "PARTNER")]
    pub for_partner: Option<String>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Reads `2026-03-01T00:00:00Z..2026-03-02T00:00:00Z`.
fn span(text: &str) -> Result<(Timestamp, Timestamp), String> {
    let (from, to) = text.split_once("..").ok_or(
        "write two times with `..` between them, such as 2026-03-01T00:00:00Z..2026-03-02T00:00:00Z",
    )?;
    let read = |text: &str| Timestamp::parse(text.trim()).map_err(|error| error.to_string());
    let (from, to) = (read(from)?, read(to)?);
    if from < to { Ok((from, to)) } else { Err("the first time must lie before the second".to_owned()) }
}

/// Runs `explain`. Works while a server runs.
///
/// # Errors
/// When the store cannot be read, or nothing is known under the id.
pub fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let opened = Opened::open(&args.settings)?;
    let refusals = opened.storage.refusals()?;
    let configuration = opened.configuration.current();
    let viewer = args.for_partner.as_ref().map(|partner| Viewer::parse(partner, &configuration));
    let viewer = viewer.transpose().map_err(|problem| Failure::usage(format!("--for-partner: {problem}")))?;
    let sight = Sight {
        state: opened.state.as_ref(),
        log: opened.log.as_ref(),
        refusals: refusals.as_ref(),
        configuration: &configuration,
        keyring: &opened.keyring,
        now: now()?,
        viewer: viewer.as_ref(),
    };
    let explanation = answer(&sight, args)?;
    if args.output.is_json() {
        print_json(&explanation)?;
    } else {
        print_line(explanation.prose().trim_end())?;
    }
    if explanation.what == "nothing" {
        Err(Failure::new(format!("nothing is known under `{}`", explanation.id)))
    } else {
        Ok(())
    }
}

fn answer(sight: &Sight<'_>, args: &ExplainArgs) -> Result<Explanation, Failure> {
    match (&args.id, args.time) {
        (Some(id), _) => sight.explain(id).map_err(Failure::new),
        (None, Some((from, to))) => {
            if sight.viewer.is_some() {
                return Err(Failure::usage(
                    "--time is the operator's question; ask for an id with --for-partner",
                ));
            }
            sight.explain_period(from, to, args.source.as_ref()).map_err(Failure::new)
        }
        (None, None) => Err(Failure::usage("name an id, or a time with --time")),
    }
}
