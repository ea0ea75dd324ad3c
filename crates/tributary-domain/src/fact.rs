//! Facts: one immutable thing that happened, as every way in hands it over after sealing.
//!
//! A fact carries no raw personal data: persons appear as keyed hashes ([`SubjectHash`]); the raw values lie
//! sealed beside it in the log.
//!
//! **Sameness.** Two deliveries are the same event when their [`DeduplicationKey`](crate::ids::DeduplicationKey) is equal. The key is taken
//! from the first of these that the sender gives: its own event id; the kind and transaction id (with the status,
//! since `pending` and later `approved` for one order are two messages); a hash of the canonical content. It is always scoped by
//! brand and source. The way in is not part of it: a postback repeated in a batch file is the same event.

use std::sync::Arc;

use crate::click_id::ClickId;
use crate::identity::{IdentityDecision, Ruling};
use crate::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, LinkKey, PartnerKey, PromoCode, SourceKey,
    SubjectHash, TransactionId,
};
use crate::money::{Currency, Money};
use crate::time::Timestamp;
use crate::tracking::Tracking;

/// One fact.
#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    /// Derived from time and deduplication key; see [`EventId`].
    pub event_id: EventId,
    /// The tenant.
    pub brand: BrandKey,
    /// Who sent it.
    pub source: SourceKey,
    /// When it happened, by the sender's word; the time of receipt when he gives none.
    pub occurred_at: Timestamp,
    /// Whose it is.
    pub subject: Subject,
    /// What happened.
    pub body: FactBody,
}

/// Evidence of whose fact it is; each kind of evidence may join it to others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subject {
    /// The operator's customer id, as a keyed hash.
    pub customer: Option<SubjectHash>,
    /// The first-party visitor or device id, as a keyed hash.
    pub visitor: Option<SubjectHash>,
    /// The e-mail address (trimmed, lower case), as a keyed hash.
    pub email: Option<SubjectHash>,
    /// The click that the sender names. On a click itself: its own id.
    pub click_id: Option<ClickId>,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum FactBody {
    /// Somebody followed a link.
    Click(Touch),
    /// Somebody saw an advertisement.
    Impression(Touch),
    /// Somebody opened an account.
    Registration(Action),
    /// A customer reached a qualifying step, such as a first deposit.
    Qualification(Action),
    /// A qualifying action with value.
    Conversion(Action),
    /// Money went back to the customer, by agreement.
    Refund(Reversal),
    /// Money went back to the customer, by his bank.
    Chargeback(Reversal),
    /// The operator approves or rejects a conversion.
    Status(StatusChange),
    /// The operator's own books show another value (from reconciliation).
    Adjustment(Adjustment),
    /// Two identities are one person.
    Identify,
    /// Consent was given or withdrawn.
    Consent(Consent),
    /// A trade, a player's day or an advertising cost: kept for the plans and reports that use them.
    Measure(Measure),
    /// A planned payout: these commission lines are locked into it.
    PayoutPrepared(PayoutPlan),
    /// A payout took its next step.
    PayoutAdvanced(PayoutAdvance),
    /// The operator ruled whether two identifiers are one person.
    IdentityDecided(IdentityDecision),
}

/// A touchpoint as received; link, partner and campaign are looked up in the configuration when it is settled.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Touch {
    /// The link that was followed.
    pub link: Option<LinkKey>,
    /// The partner, where the sender names him without a link.
    pub partner: Option<PartnerKey>,
    /// The campaign, where the sender names it without a link.
    pub campaign: Option<CampaignKey>,
    /// The channel when it is not a partner: `email`, `paid_search`, `direct`.
    pub channel: Option<Channel>,
    /// Tracking parameters.
    pub tracking: Tracking,
}

/// A registration, qualification or conversion.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// The step reached; plans pay by it.
    pub goal: Goal,
    /// The sender's order, deposit or account number.
    pub transaction: Option<TransactionId>,
    /// The value; `None` for steps without money.
    pub value: Option<Money>,
    /// The operator's verdict, when he gives one.
    pub status: Option<Verdict>,
    /// The campaign, when the sender names it.
    pub campaign: Option<CampaignKey>,
    /// A promo code used; itself a touchpoint of the code's partner.
    pub promo_code: Option<PromoCode>,
    /// A partner or creator named by the sender; counts only when there is no other touchpoint.
    pub named_partner: Option<PartnerKey>,
    /// When the cart of this order was opened last, by the sender's word; coupon clicks after it stand down.
    pub cart_opened_at: Option<Timestamp>,
    /// Tracking parameters.
    pub tracking: Tracking,
}

/// The operator's verdict on a conversion.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Not decided yet.
    Pending,
    /// Valid: commission may become payable.
    Approved,
    /// Invalid: nothing is owed.
    Rejected,
}

/// A refund or chargeback.
#[derive(Clone, PartialEq, Debug)]
pub struct Reversal {
    /// The transaction that is reversed.
    pub transaction: TransactionId,
    /// How much; `None` means all of it.
    pub value: Option<Money>,
}

/// A verdict that arrives after its conversion.
#[derive(Clone, PartialEq, Debug)]
pub struct StatusChange {
    /// The transaction it speaks about.
    pub transaction: TransactionId,
    /// The verdict.
    pub verdict: Verdict,
}

/// The operator's corrected value of a conversion: what his books show at the fact's time, so refunds until then are in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Adjustment {
    /// The transaction it speaks about.
    pub transaction: TransactionId,
    /// The value that replaces the sent one.
    pub value: Money,
    /// File and row that it comes from, in words.
    pub cause: Arc<str>,
}

/// A consent decision.
#[derive(Clone, PartialEq, Debug)]
pub struct Consent {
    /// What for, such as `attribution`.
    pub purpose: Arc<str>,
    /// Given or withdrawn.
    pub granted: bool,
}

/// Kinds of measures that are kept for later use by plans and reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum MeasureKind {
    /// A closed trade (forex).
    Trade,
    /// One player's figures of one day (gaming).
    PlayerDay,
    /// Advertising cost.
    Spend,
}

/// A measure: named figures as decimal texts.
#[derive(Clone, PartialEq, Debug)]
pub struct Measure {
    /// Which kind.
    pub kind: MeasureKind,
    /// The sender's number.
    pub transaction: Option<TransactionId>,
    /// Main amount.
    pub value: Option<Money>,
    /// Campaign, where it has one.
    pub campaign: Option<CampaignKey>,
    /// Partner, where it has one.
    pub partner: Option<PartnerKey>,
    /// Further figures by name, as sent.
    pub figures: Vec<(Arc<str>, Arc<str>)>,
}

/// Identifies one payout: one partner, one currency, one run.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PayoutId(pub Arc<str>);

/// A planned payout. It leaves the executor nothing to choose.
#[derive(Clone, PartialEq, Debug)]
pub struct PayoutPlan {
    /// Derived from run, partner and currency.
    pub payout: PayoutId,
    /// The run it belongs to.
    pub run: Arc<str>,
    /// Who is paid.
    pub partner: PartnerKey,
    /// In which currency.
    pub currency: Currency,
    /// Commission lines with the minor units that this payout pays (negative: taken back).
    pub lines: Vec<(CommissionId, i64)>,
}

/// A step of a payout.
#[derive(Clone, PartialEq, Debug)]
pub struct PayoutAdvance {
    /// Which payout.
    pub payout: PayoutId,
    /// Where it is now.
    pub step: PayoutStep,
    /// Payment reference of the bank or rail, when settled.
    pub reference: Option<Arc<str>>,
}

/// The steps of a payout, in order; `Failed` may follow `Exported`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum PayoutStep {
    /// Planned; lines are locked.
    Prepared,
    /// A second person agreed.
    Approved,
    /// The file was written.
    Exported,
    /// The money arrived.
    Settled,
    /// The payment failed; its lines are payable again.
    Failed,
}

/// The kinds of events, by their published names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// `click`
    Click,
    /// `impression`
    Impression,
    /// `registration`
    Registration,
    /// `qualification`
    Qualification,
    /// `conversion`
    Conversion,
    /// `refund`
    Refund,
    /// `chargeback`
    Chargeback,
    /// `status`
    Status,
    /// `adjustment`: booked by reconciliation
    Adjustment,
    /// `identify`
    Identify,
    /// `consent`
    Consent,
    /// `trade`
    Trade,
    /// `player_day`
    PlayerDay,
    /// `spend`
    Spend,
    /// `payout`: booked by the payout run
    Payout,
    /// `payout_step`: booked by the payout run
    PayoutStep,
    /// `separate`: an operator's ruling on identity
    Separate,
    /// `join`: an operator's ruling on identity
    Join,
    /// `rejoin`: an operator's ruling on identity
    Rejoin,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Click,
        Self::Impression,
        Self::Registration,
        Self::Qualification,
        Self::Conversion,
        Self::Refund,
        Self::Chargeback,
        Self::Status,
        Self::Adjustment,
        Self::Identify,
        Self::Consent,
        Self::Trade,
        Self::PlayerDay,
        Self::Spend,
        Self::Payout,
        Self::PayoutStep,
        Self::Separate,
        Self::Join,
        Self::Rejoin,
    ];

    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Impression => "impression",
            Self::Registration => "registration",
            Self::Qualification => "qualification",
            Self::Conversion => "conversion",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Status => "status",
            Self::Adjustment => "adjustment",
            Self::Identify => "identify",
            Self::Consent => "consent",
            Self::Trade => "trade",
            Self::PlayerDay => "player_day",
            Self::Spend => "spend",
            Self::Payout => "payout",
            Self::PayoutStep => "payout_step",
            Self::Separate => Ruling::Separate.name(),
            Self::Join => Ruling::Join.name(),
            Self::Rejoin => Ruling::Rejoin.name(),
        }
    }

    /// Whether only the operator's own commands make such facts; no sender may.
    #[must_use]
    pub const fn is_command(self) -> bool {
        matches!(self, Self::Payout | Self::PayoutStep | Self::Separate | Self::Join | Self::Rejoin)
    }

    /// Finds a kind by its published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl FactBody {
    /// Which kind of event this is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Click(_) => EventKind::Click,
            Self::Impression(_) => EventKind::Impression,
            Self::Registration(_) => EventKind::Registration,
            Self::Qualification(_) => EventKind::Qualification,
            Self::Conversion(_) => EventKind::Conversion,
            Self::Refund(_) => EventKind::Refund,
            Self::Chargeback(_) => EventKind::Chargeback,
            Self::Status(_) => EventKind::Status,
            Self::Adjustment(_) => EventKind::Adjustment,
            Self::Identify => EventKind::Identify,
            Self::Consent(_) => EventKind::Consent,
            Self::Measure(measure) => match measure.kind {
                MeasureKind::Trade => EventKind::Trade,
                MeasureKind::PlayerDay => EventKind::PlayerDay,
                MeasureKind::Spend => EventKind::Spend,
            },
            Self::PayoutPrepared(_) => EventKind::Payout,
            Self::PayoutAdvanced(_) => EventKind::PayoutStep,
            Self::IdentityDecided(decision) => match decision.ruling {
                Ruling::Separate => EventKind::Separate,
                Ruling::Join => EventKind::Join,
                Ruling::Rejoin => EventKind::Rejoin,
            },
        }
    }

    /// The registration, qualification or conversion inside, if it is one.
    #[must_use]
    pub const fn action(&self) -> Option<&Action> {
        match self {
            Self::Registration(action) | Self::Qualification(action) | Self::Conversion(action) => {
                Some(action)
            }
            _ => None,
        }
    }

    /// The transaction that the fact is or refers to.
    #[must_use]
    pub const fn transaction(&self) -> Option<&TransactionId> {
        match self {
            Self::Registration(action) | Self::Qualification(action) | Self::Conversion(action) => {
                action.transaction.as_ref()
            }
            Self::Refund(reversal) | Self::Chargeback(reversal) => Some(&reversal.transaction),
            Self::Status(change) => Some(&change.transaction),
            Self::Adjustment(adjustment) => Some(&adjustment.transaction),
            Self::Measure(measure) => measure.transaction.as_ref(),
            _ => None,
        }
    }
}

impl Verdict {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// Finds a verdict by its published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Rejected].into_iter().find(|verdict| verdict.name() == name)
    }
}

impl PayoutStep {
    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Approved => "approved",
            Self::Exported => "exported",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }

    /// Whether a payout at this step may take the next one.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Prepared, Self::Approved | Self::Failed)
                | (Self::Approved, Self::Exported | Self::Failed)
                | (Self::Exported, Self::Settled | Self::Failed)
        )
    }
}
