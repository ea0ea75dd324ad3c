//! The shape of an explanation, as it is published: field names and codes are stable. `docs/explain.md` describes it.

mod money;
mod terms;

use serde::Serialize;
use tributary_domain::money::Money;

pub(super) use self::money::{
    CommissionExplained, EntryExplained, PayoutExplained, PayoutLine, PayoutNamed, Unpaid,
};
pub(super) use self::terms::{
    CartExplained, ChannelExplained, MinimumTime, PaidClick, StandDownExplained, StatedAt,
};
use super::absence::Progress;

/// Everything behind one id.
#[derive(Debug, Serialize, Default, Clone)]
pub struct Explanation {
    /// What was asked for.
    pub id: String,
    /// What it is, such as `conversion`; `nothing` when it is not known.
    pub what: String,
    /// The partner that it was redacted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_partner: Option<String>,
    /// What arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Arrival>,
    /// Whose it is, and by which evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What a touchpoint led to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
    /// The conversion that the id is, belongs to or speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion: Option<ConversionExplained>,
    /// The payout that the id is or belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutExplained>,
    /// The ledger entry that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryExplained>,
    /// How far it got, and why not further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The same as sentences.
    pub sections: Vec<Section>,
}

/// Sentences about one step of the chain.
#[derive(Debug, Serialize, Clone)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its sentences.
    pub lines: Vec<String>,
}

/// An amount of money.
#[derive(Debug, Serialize, Clone, PartialEq, Eq)]
pub struct Amount {
    /// Decimal text, as many places as the currency has.
    pub amount: String,
    /// Currency code.
    pub currency: String,
    /// The same in minor units.
    pub minor: i64,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.decimal(), currency: money.currency.code().to_owned(), minor: money.minor }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// An event as it arrived. Personal data is sealed before it is stored, so none of it is here.
#[derive(Debug, Serialize, Clone)]
pub struct Arrival {
    /// Its id.
    pub event_id: String,
    /// Its kind.
    pub kind: String,
    /// Its brand.
    pub brand: String,
    /// Who sent it.
    pub source: String,
    /// How it came in.
    pub way: String,
    /// When it happened, by the sender's word.
    pub occurred_at: String,
    /// When it was stored.
    pub received_at: String,
    /// Its place in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_record: Option<u64>,
    /// Its outcome as of the last settlement.
    pub outcome: Verdict,
    /// The click id that it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click: Option<ClickNamed>,
    /// Whose touchpoint it is: a partner's key or `@channel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earner: Option<String>,
    /// Why it is of its channel, where it is no partner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelExplained>,
    /// The id by which a platform sold this click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_click: Option<PaidClick>,
    /// The link followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The campaign that the link belongs to or the event names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The promo code that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promo_code: Option<String>,
    /// The partner whom the sender names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_partner: Option<String>,
    /// The sender's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The amount it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// Tracking parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracking: Vec<(String, String)>,
    /// Whether it speaks about a transaction whose conversion is stored in another namespace.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub known_elsewhere: bool,
    /// Deliveries under the same key that said something else and were refused.
    #[serde(skip_serializing_if = "is_zero")]
    pub conflicting_deliveries: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A reason code with its words.
#[derive(Debug, Serialize, Clone)]
pub struct Verdict {
    /// The stable code; `GET /v1/reasons` lists them.
    pub code: &'static str,
    /// One sentence.
    pub message: &'static str,
    /// What to do; empty when nothing needs doing.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hint: &'static str,
}

impl From<tributary_domain::reason::Reason> for Verdict {
    fn from(reason: tributary_domain::reason::Reason) -> Self {
        Self { code: reason.code(), message: reason.message(), hint: reason.hint() }
    }
}

/// The click id that an event carries.
#[derive(Debug, Serialize, Clone)]
pub struct ClickNamed {
    /// The id.
    pub click_id: String,
    /// `stored`; `issued_here` (known by its id alone, the click itself is not stored), `other_brand`, `unknown_link`, or `unknown` for
    /// another tracker's id of which no click is stored.
    pub state: &'static str,
    /// The link that it was issued for, where it is of this brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Whose an event is. Identifiers are named by kind, never by value.
#[derive(Debug, Serialize, Clone, Default)]
pub struct Identity {
    /// The person's lasting label: the first event known of him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The kinds of identifier that the event itself carries.
    pub carries: Vec<&'static str>,
    /// Those of them that join nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<&'static str>,
    /// Why each of these joins nobody, in the same order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_because: Vec<Verdict>,
    /// Other events of the same person or order, and what joined each.
    pub joined: Vec<JoinedFact>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: usize,
    /// Whether it is some person's, also where the label is not told.
    #[serde(skip)]
    pub is_somebodys: bool,
    /// Those kinds that several customers share, such as the id of a family's device: they make no two of them one person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<&'static str>,
    /// How many other events carry one of its identifiers and are not joined to it all the same. A partner is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_by_others: Option<usize>,
    /// What the operator ruled about an identifier of it or of its person, as far as it stands, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<RulingExplained>,
}

/// A ruling of the operator about two identifiers.
#[derive(Debug, Serialize, Clone)]
pub struct RulingExplained {
    /// Its event.
    pub event_id: String,
    /// When it was made.
    pub ruled_at: String,
    /// `separate` or `join`.
    pub ruling: &'static str,
    /// The kinds of the two identifiers.
    pub between: [&'static str; 2],
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub because: String,
}

/// An event that belongs together with the one asked for.
#[derive(Debug, Serialize, Clone)]
pub struct JoinedFact {
    /// Its id.
    pub event_id: String,
    /// Its kind.
    pub kind: String,
    /// When it happened.
    pub occurred_at: String,
    /// Whose touchpoint it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earner: Option<String>,
    /// The kinds of identifier that it shares with `through`.
    pub shares: Vec<&'static str>,
    /// The event that it shares them with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

/// One conversion that a touchpoint was considered for.
#[derive(Debug, Serialize, Clone)]
pub struct Use {
    /// The conversion's event.
    pub conversion: String,
    /// Its goal.
    pub goal: String,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// When it happened.
    pub occurred_at: String,
    /// The touchpoint as it was judged.
    pub touchpoint: TouchpointExplained,
    /// What it earned there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<CreditExplained>,
}

/// A settled conversion.
#[derive(Debug, Serialize, Clone)]
pub struct ConversionExplained {
    /// The event that stands for it.
    pub event_id: String,
    /// Registration, qualification or conversion.
    pub kind: String,
    /// Its brand.
    pub brand: String,
    /// The step reached.
    pub goal: String,
    /// When it happened.
    pub occurred_at: String,
    /// The sender's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// As sent or adjusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// What went back to the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Amount>,
    /// The operator's word: `pending`, `approved` or `rejected`.
    pub verdict: &'static str,
    /// How attribution ended.
    pub attribution: Verdict,
    /// When the cart of the order was opened, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<CartExplained>,
    /// The set-up that decided.
    pub configuration: ConfigurationInForce,
    /// The touchpoints considered, oldest first.
    pub touchpoints: Vec<TouchpointExplained>,
    /// Who else took part, in a partner's explanation: `another partner`, `another channel`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<&'static str>,
    /// How the value was shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// What is known of fraud.
    pub fraud: Fraud,
    /// What plans grant.
    pub commissions: Vec<CommissionExplained>,
    /// Credits for which nobody is paid, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unpaid: Vec<Unpaid>,
    /// The entries in the books.
    pub entries: Vec<EntryExplained>,
}

/// The versions of the set-up that decided.
#[derive(Debug, Serialize, Clone)]
pub struct ConfigurationInForce {
    /// The set-up's revision when this was worked out.
    pub revision: u64,
    /// The moment by which versions are chosen: the conversion's.
    pub decided_at: String,
    /// Each version.
    pub versions: Vec<VersionInForce>,
}

/// One version of an entity of the set-up.
#[derive(Debug, Serialize, Clone)]
pub struct VersionInForce {
    /// `brand`, `campaign`, `partner`, `plan`, `link` or `weights`.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// In force from; absent for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<String>,
    /// When the next version takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What it decided.
    pub decides: &'static str,
}

/// A touchpoint with the verdict on it.
#[derive(Debug, Serialize, Clone)]
pub struct TouchpointExplained {
    /// Its event.
    pub event_id: String,
    /// When it happened.
    pub occurred_at: String,
    /// `click`, `code`, `impression` or `named`.
    pub kind: &'static str,
    /// A partner's key or `@channel`; absent when it is not set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earner: Option<String>,
    /// Its campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Its link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Its click id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// Why it is of its channel, where it is no partner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelExplained>,
    /// The id by which a platform sold this click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_click: Option<PaidClick>,
    /// Why it took part or did not.
    pub verdict: Verdict,
    /// Seconds from the touchpoint to the conversion; negative when it came later.
    pub age_seconds: i64,
    /// How long it may earn credit, in seconds.
    pub window_seconds: i64,
    /// The last moment at which a conversion would have counted for it.
    pub window_ends_at: String,
    /// Who states this window.
    pub window_stated_at: StatedAt,
    /// How old it had to be, where its campaign says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_time: Option<MinimumTime>,
    /// Why it stood down, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stand_down: Option<StandDownExplained>,
}

/// How a value was shared.
#[derive(Debug, Serialize, Clone)]
pub struct Sharing {
    /// The model's name.
    pub model: &'static str,
    /// The model with its parameters.
    pub parameters: String,
    /// The campaign whose model it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Who states the model; of a customer who is owned, who states the ownership.
    pub stated_at: StatedAt,
    /// The shares.
    pub credits: Vec<CreditExplained>,
    /// How it was rounded; absent without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
}

/// One share.
#[derive(Debug, Serialize, Clone)]
pub struct CreditExplained {
    /// Its id, which can be asked for: the conversion's event and the touchpoint's, with `:` between them.
    pub id: String,
    /// The touchpoint's event.
    pub touchpoint: String,
    /// A partner's key or `@channel`.
    pub earner: String,
    /// The weight that the model gave.
    pub weight: u64,
    /// All weights of the conversion together.
    pub total_weight: u64,
    /// The exact share in minor units, as a fraction such as `10000/3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_minor: Option<String>,
    /// What was credited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Whether it got one of the minor units that rounding down left over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got_remainder: Option<bool>,
}

/// Where rounding went.
#[derive(Debug, Serialize, Clone)]
pub struct Rounding {
    /// The whole in minor units.
    pub whole_minor: i64,
    /// All shares rounded down, added up.
    pub rounded_down_minor: i64,
    /// What was left and given to the largest fractions, one minor unit each.
    pub remainder_minor: i64,
    /// The touchpoints that got it.
    pub remainder_went_to: Vec<String>,
}

/// What is known of fraud.
#[derive(Debug, Serialize, Clone)]
pub struct Fraud {
    /// `not_judged`: no check is made yet.
    pub verdict: &'static str,
    /// The same in words.
    pub message: &'static str,
}
