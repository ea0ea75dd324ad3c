//! `tributary simulate`: deterministic traffic with ground truth.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many clicks.
    #[arg(long, value_name = "N")]
    pub clicks: u64,
    /// The same seed gives the same traffic, on every machine.
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// File for the events, one JSON object per line; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub to: Option<PathBuf>,
    /// Send the events to a running server.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// File for the ground truth: who really brought each conversion, and what is fraud.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}
