//! `tributary model`: trains the weights of data-driven attribution models.

use clap::{Args, Subcommand, ValueEnum};
use tributary_domain::ids::{BrandKey, Goal, WeightsKey};
use tributary_domain::settlement::JourneyPeriod;
use tributary_domain::time::Timestamp;

use super::apply::apply_made;
use super::opened::Opened;
use super::{Failure, SettingsArgs, choosing, now, print_line};
use crate::desk::wait_for_engine;
use crate::operations::training::{Method, Training, document};
use crate::setup::SetupFile;

/// Arguments of `model`.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// Train weights on the journeys of a period and print them as a set-up document; `apply` puts it in force.
    Train(TrainArgs),
}

/// How weights are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum MethodName {
    /// By what would be lost without a partner or channel.
    Markov,
    /// By what each adds on average to whichever others are there.
    Shapley,
}

/// What weights are found by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Measure {
    /// How many conversions.
    #[default]
    Conversions,
    /// Their value in the brand's currency.
    Value,
}

/// How the document is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum DocumentFormat {
    /// As people write set-up files.
    #[default]
    Yaml,
    /// For programs; `apply` takes it too.
    Json,
}

/// Arguments of `model train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    /// How the weights are found.
    #[arg(long, value_enum, value_name = "METHOD")]
    pub method: MethodName,
    /// How many channels a Markov chain remembers, 1 to 4 [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub order: Option<u8>,
    /// Count conversions, or their value in the brand's currency.
    #[arg(long, value_enum, default_value_t, value_name = "MEASURE")]
    pub by: Measure,
    /// Journeys that converted, or had touchpoints, from this moment on.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub from: Timestamp,
    /// Until before this moment.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub to: Timestamp,
    /// Only conversions of this goal.
    #[arg(long, value_name = "GOAL", default_value = "purchase", value_parser = Goal::parse)]
    pub goal: Goal,
    /// Of this brand.
    #[arg(long, value_name = "KEY", value_parser = BrandKey::parse)]
    pub brand: Option<BrandKey>,
    /// The key that campaigns name the weights by.
    #[arg(long, value_name = "NAME", value_parser = WeightsKey::parse)]
    pub key: WeightsKey,
    /// Put the weights in force at once: new ones always, a new version of known ones from now on.
    #[arg(long)]
    pub apply: bool,
    /// Wait until everything in the log is taken into account.
    #[arg(long)]
    pub wait: bool,
    /// How to write the document.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: DocumentFormat,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Runs `model`. Works while a server runs.
///
/// # Errors
/// When the arguments do not fit together, the store cannot be read, or there is nothing to train on.
pub fn run(args: &ModelArgs) -> Result<(), Failure> {
    let ModelCommand::Train(args) = &args.command;
    let method = args.method()?;
    if args.from >= args.to {
        return Err(Failure::usage("the period is empty").hint("--from must lie before --to"));
    }
    let opened = Opened::open(&args.settings)?;
    if args.wait {
        wait_for_engine(opened.log.as_ref(), opened.state.as_ref())?;
    }
    let configuration = opened.configuration.current();
    let brand = choosing::brand(&configuration, args.brand.as_ref())?;
    let own = configuration.brands.get(&brand).map(|versions| versions.latest().currency);
    let by_value = own.filter(|_| args.by == Measure::Value);
    let period = JourneyPeriod { from: args.from, to: args.to, goal: args.goal.clone() };
    let training = Training { brand, method, by_value, period };
    let weights = training.run(opened.state.as_ref(), &configuration)?;
    let document = document(&training.brand, &args.key, &weights);
    let text = match args.format {
        DocumentFormat::Yaml => serde_norway::to_string(&document).map_err(Failure::new)?,
        DocumentFormat::Json => serde_json::to_string_pretty(&document).map_err(Failure::new)?,
    };
    print_line(text.trim_end())?;
    if args.apply {
        let file = SetupFile { name: "trained weights".to_owned(), text };
        eprintln!("{}", apply_made(&opened.storage, file, now()?)?);
    }
    Ok(())
}

impl TrainArgs {
    fn method(&self) -> Result<Method, Failure> {
        match (self.method, self.order) {
            (MethodName::Markov, order) => Ok(Method::Markov(order.unwrap_or(1))),
            (MethodName::Shapley, None) => Ok(Method::Shapley),
            (MethodName::Shapley, Some(_)) => Err(Failure::usage("Shapley values have no order")
                .hint("leave out --order, or choose --method markov")),
        }
    }
}
