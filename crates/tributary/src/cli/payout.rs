//! `tributary payout`: the payout run, step by step.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{OutputArgs, SettingsArgs};

/// Arguments of `payout`.
#[derive(Args, Debug)]
pub struct PayoutArgs {
    /// What to do.
    #[command(subcommand)]
    pub step: PayoutCommand,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where the data lies.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// The steps of a payout run.
#[derive(Subcommand, Debug)]
pub enum PayoutCommand {
    /// Plan payouts of everything payable and lock its lines.
    Prepare {
        /// What is payable at this moment is paid [default: now].
        #[arg(long, value_name = "TIME")]
        cutoff: Option<String>,
        /// Name of the run; the same name plans nothing twice.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
    },
    /// Agree to prepared payouts.
    Approve(PayoutSelection),
    /// Write approved payouts to a file for the bank or the payment provider.
    Export {
        /// CSV file to write.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Which payouts.
        #[command(flatten)]
        selection: PayoutSelection,
    },
    /// Record that exported payouts arrived.
    Settle {
        /// Payment reference of the bank or provider.
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        /// Which payouts.
        #[command(flatten)]
        selection: PayoutSelection,
    },
    /// Record that payouts failed; their lines are payable again.
    Fail(PayoutSelection),
    /// List payouts and how far they are.
    List(PayoutSelection),
}

/// Which payouts a step is about; all that can take it, unless narrowed.
#[derive(Args, Debug, Default)]
pub struct PayoutSelection {
    /// Only these payouts.
    #[arg(long = "payout", value_name = "ID")]
    pub payouts: Vec<String>,
    /// Only this run.
    #[arg(long = "of-run", value_name = "RUN")]
    pub run: Option<String>,
}
