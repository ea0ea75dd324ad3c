//! How far something got on its way from the sender to the partner's account, and why not further.
//!
//! What is stored is judged from the explanation alone: so the causes that a partner is told hold nothing that his explanation does not.

mod money;
mod partner;
mod refused;
mod stored;
mod unknown;

use serde::Serialize;
use tributary_domain::time::Timestamp;

use super::answer::Explanation;

/// The way of a conversion, or of a touchpoint towards one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A request reached us.
    Received,
    /// It was authentic, readable and valid.
    Accepted,
    /// It is in the log.
    Stored,
    /// The engine took it into account.
    Processed,
    /// It was joined to other events of its person or order.
    Joined,
    /// A touchpoint of that person was looked at.
    Considered,
    /// A touchpoint may take part.
    Eligible,
    /// The model gave it a share.
    Credited,
    /// A plan grants a commission for it.
    PlanPays,
    /// The operator approved.
    Approved,
    /// The hold period is over and nothing holds the money.
    Payable,
    /// A payout holds it.
    InPayout,
    /// The money arrived.
    Paid,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 13] = [
        Self::Received,
        Self::Accepted,
        Self::Stored,
        Self::Processed,
        Self::Joined,
        Self::Considered,
        Self::Eligible,
        Self::Credited,
        Self::PlanPays,
        Self::Approved,
        Self::Payable,
        Self::InPayout,
        Self::Paid,
    ];

    /// The stage in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Stored => "stored",
            Self::Processed => "taken into account",
            Self::Joined => "joined to a person",
            Self::Considered => "a touchpoint was looked at",
            Self::Eligible => "a touchpoint may take part",
            Self::Credited => "credited",
            Self::PlanPays => "a plan pays for it",
            Self::Approved => "approved",
            Self::Payable => "payable",
            Self::InPayout => "in a payout",
            Self::Paid => "paid",
        }
    }
}

/// How far it got.
#[derive(Debug, Serialize, Clone)]
pub struct Progress {
    /// The stages that it passed, in order.
    pub passed: Vec<Stage>,
    /// The first stage that it did not reach; absent when it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Stage>,
    /// Why, the likeliest first.
    pub causes: Vec<Cause>,
}

/// One cause.
#[derive(Debug, Serialize, Clone, PartialEq, Eq)]
pub struct Cause {
    /// 1 is the likeliest.
    pub rank: usize,
    /// A stable code.
    pub code: &'static str,
    /// What it means.
    pub message: String,
    /// What was found that speaks for it.
    pub evidence: Vec<String>,
    /// What to do; empty where there is nothing that the reader can do.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: &'static str,
}

impl Cause {
    pub(super) fn new(code: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { rank: 0, code, message: message.into(), evidence: Vec::new(), remedy }
    }

    pub(super) fn with(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }
}

impl Progress {
    pub(super) fn stopped(at: Stage, causes: Vec<Cause>) -> Self {
        let causes = causes.into_iter().enumerate().map(|(place, cause)| Cause { rank: place + 1, ..cause });
        Self {
            passed: Stage::ALL.into_iter().filter(|stage| *stage < at).collect(),
            stopped_at: Some(at),
            causes: causes.collect(),
        }
    }

    /// The same with further causes behind those that are there.
    pub(super) fn and(mut self, further: impl Iterator<Item = Cause>) -> Self {
        self.causes.extend(further);
        for (place, cause) in self.causes.iter_mut().enumerate() {
            cause.rank = place + 1;
        }
        self
    }

    /// The same with the remedies of a partner, who can neither change the set-up nor give a command.
    pub(super) fn for_partner(mut self) -> Self {
        for cause in &mut self.causes {
            cause.remedy = partner::remedy(cause.code);
        }
        self
    }

    pub(super) fn done() -> Self {
        Self { passed: Stage::ALL.to_vec(), stopped_at: None, causes: Vec::new() }
    }

    /// How far what is explained got.
    pub(super) fn of(explanation: &Explanation, now: Timestamp) -> Option<Self> {
        stored::progress(explanation, now)
    }
}
