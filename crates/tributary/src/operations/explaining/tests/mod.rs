//! Explanations on an installation in the process.

mod absences;
mod chains;
mod planted;
mod redaction;
mod refusals;
mod terms;

use serde_json::Value;

use super::{Explanation, Sight, Viewer};
use crate::workbench::{NOW, Workbench};

/// What the operator is told.
fn told(bench: &Workbench, id: &str) -> Explanation {
    asked(bench, None, |sight| sight.explain(id).unwrap())
}

/// What a partner is told.
fn told_to(bench: &Workbench, partner: &str, id: &str) -> Explanation {
    let viewer = Viewer::parse(partner, &bench.desk.configuration.current()).unwrap();
    asked(bench, Some(&viewer), |sight| sight.explain(id).unwrap())
}

fn asked<T>(bench: &Workbench, viewer: Option<&Viewer>, ask: impl FnOnce(&Sight<'_>) -> T) -> T {
    let configuration = bench.desk.configuration.current();
    ask(&Sight {
        state: bench.desk.state.as_ref(),
        log: bench.desk.log.as_ref(),
        refusals: bench.desk.intake.refusals.store(),
        configuration: &configuration,
        keyring: &bench.desk.intake.keyring,
        now: NOW,
        viewer,
    })
}

fn json(explanation: &Explanation) -> Value {
    serde_json::to_value(explanation).unwrap()
}
