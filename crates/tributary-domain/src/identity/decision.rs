//! What an operator rules about two identifiers, as a fact like any other.

use std::sync::Arc;

use crate::click_id::ClickId;
use crate::fact::Subject;
use crate::ids::SubjectHash;

/// An identifier of a person. In the order of their strength: the earlier kind is the better evidence.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Identifier {
    /// The operator's customer id, as a keyed hash.
    Customer(SubjectHash),
    /// An e-mail address, as a keyed hash.
    Email(SubjectHash),
    /// A visitor or device id, as a keyed hash.
    Visitor(SubjectHash),
    /// A click id.
    Click(ClickId),
}

/// The kinds of identifiers, by their published names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum IdentifierKind {
    /// `customer`
    Customer,
    /// `email`
    Email,
    /// `visitor`
    Visitor,
    /// `click`
    Click,
}

impl IdentifierKind {
    /// Every kind, the strongest first.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Email, Self::Visitor, Self::Click];

    /// The published name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Email => "email",
            Self::Visitor => "visitor",
            Self::Click => "click",
        }
    }

    /// Finds a kind by its published name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Identifier {
    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::Customer(_) => IdentifierKind::Customer,
            Self::Email(_) => IdentifierKind::Email,
            Self::Visitor(_) => IdentifierKind::Visitor,
            Self::Click(_) => IdentifierKind::Click,
        }
    }

    /// The identifiers that a fact names, the strongest first.
    #[must_use]
    pub fn all_of(subject: &Subject) -> Vec<Self> {
        let hashes = [
            subject.customer.map(Self::Customer),
            subject.email.map(Self::Email),
            subject.visitor.map(Self::Visitor),
        ];
        hashes.into_iter().flatten().chain(subject.click_id.clone().map(Self::Click)).collect()
    }

    /// A short name for people: the kind and the beginning of its hash, or the click id. It holds no personal data.
    #[must_use]
    pub fn label(&self) -> String {
        let short = |SubjectHash(bytes): &SubjectHash| -> String {
            bytes[..4].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        match self {
            Self::Customer(hash) | Self::Email(hash) | Self::Visitor(hash) => {
                format!("{}:{}", self.kind().name(), short(hash))
            }
            Self::Click(click) => format!("click:{click}"),
        }
    }
}

/// What the operator rules about a pair of identifiers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Ruling {
    /// They are never one person.
    Separate,
    /// They are one person.
    Join,
    /// Whatever was ruled before is taken back: the evidence decides again.
    Rejoin,
}

impl Ruling {
    /// The published name, which is also the kind of the event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Separate => "separate",
            Self::Join => "join",
            Self::Rejoin => "rejoin",
        }
    }
}

/// A ruling about two identifiers. It holds for all time, past and future; of several about one pair the last by
/// event time (then event id) stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityDecision {
    /// What is ruled.
    pub ruling: Ruling,
    /// One identifier: the lesser in the order of identifiers.
    pub one: Identifier,
    /// The other.
    pub other: Identifier,
    /// Why, in the operator's words. It is stored and shown as it is, so it must hold no personal data.
    pub because: Arc<str>,
}

impl IdentityDecision {
    /// A ruling about a pair; in which order the two are named does not matter.
    #[must_use]
    pub fn of(ruling: Ruling, a: Identifier, b: Identifier, because: Arc<str>) -> Self {
        let (one, other) = if a <= b { (a, b) } else { (b, a) };
        Self { ruling, one, other, because }
    }

    /// Both identifiers.
    #[must_use]
    pub const fn pair(&self) -> (&Identifier, &Identifier) {
        (&self.one, &self.other)
    }
}
