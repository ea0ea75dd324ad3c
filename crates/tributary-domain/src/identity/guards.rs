//! What keeps identifiers from joining people who have nothing to do with each other.

use std::collections::HashSet;

use crate::click_id::ClickId;
use crate::configuration::Configuration;
use crate::fact::Subject;
use crate::ids::{BrandKey, SubjectHash};
use crate::reason::Reason;
use crate::settlement::DEFAULT_MOST_CUSTOMERS;

use super::decision::Identifier;

/// Facts on one identifier beyond which it joins nobody, unless the brand says otherwise.
pub const DEFAULT_MOST_FACTS: u32 = 5_000;

/// What senders write when they have no identifier: it stands for nobody. Compared without regard to case.
const NO_IDENTIFIER: [&str; 25] = [
    "null",
    "nil",
    "none",
    "undefined",
    "unknown",
    "anonymous",
    "anon",
    "guest",
    "n/a",
    "na",
    "nan",
    "false",
    "true",
    "empty",
    "default",
    "-",
    "--",
    "-1",
    "(none)",
    "(null)",
    "(not set)",
    "[object object]",
    "not_set",
    "notset",
    "xxx",
];

/// Addresses that stand for nobody.
const NOBODYS_ADDRESSES: [&str; 12] = [
    "test@test.com",
    "test@test.de",
    "test@example.com",
    "test@example.org",
    "example@example.com",
    "user@example.com",
    "email@example.com",
    "a@a.com",
    "none@none.com",
    "null@null.com",
    "no@email.com",
    "noemail@noemail.com",
];

/// Longest row of zeros that is taken for an identifier that was never filled in.
const MOST_ZEROS: usize = 40;

/// Texts that are no identifier, in each spelling that senders use: what identifiers are compared with after they are hashed.
#[must_use]
pub fn placeholders() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for word in NO_IDENTIFIER.iter().chain(&NOBODYS_ADDRESSES) {
        let mut letters = word.chars();
        let first: String = letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter().collect();
        texts.extend([(*word).to_owned(), word.to_ascii_uppercase(), format!("{first}{}", letters.as_str())]);
    }
    texts.extend((1..=MOST_ZEROS).map(|length| "0".repeat(length)));
    texts.extend(["00000000-0000-0000-0000-000000000000", "0.0", "[object Object]"].map(str::to_owned));
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Whether a click id is no identifier, such as `0` or `undefined`.
#[must_use]
pub fn is_placeholder(click: &ClickId) -> bool {
    let text = click.as_str();
    text.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'.' | b'_'))
        || NO_IDENTIFIER.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A brand's own rules for identifiers, beside the bound on customers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityRules {
    /// More facts than this on one e-mail, visitor or click, and it no longer joins people.
    pub most_facts_per_identifier: u32,
    /// Texts that are no identifier at this brand, beside [`placeholders`].
    pub ignored_identifiers: Vec<String>,
    /// Customer ids of testers: their facts are kept and never earn money.
    pub test_customers: Vec<String>,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            most_facts_per_identifier: DEFAULT_MOST_FACTS,
            ignored_identifiers: Vec::new(),
            test_customers: Vec::new(),
        }
    }
}

/// The identifiers of one brand that stand for nobody, or for its own testers, as the keyed hashes that facts hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KnownIdentifiers {
    /// [`placeholders`], of every kind.
    pub placeholders: HashSet<SubjectHash>,
    /// The brand's `ignored_identifiers`, of every kind.
    pub ignored: HashSet<SubjectHash>,
    /// The brand's `ignored_identifiers` as click ids.
    pub ignored_clicks: HashSet<String>,
    /// The brand's `test_customers`.
    pub test_customers: HashSet<SubjectHash>,
}

/// The bounds and lists under which the people of one brand are found. The newest version of the brand counts, for all time:
/// who somebody is does not depend on when it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Guards<'a> {
    /// More customers than this on one e-mail, visitor or click, and it joins nobody.
    pub most_customers: usize,
    /// More facts than this on one e-mail, visitor or click, or more other identifiers than this on one customer, and it joins nobody.
    pub most_facts: usize,
    /// Who is nobody, and who is a tester.
    pub known: Option<&'a KnownIdentifiers>,
}

impl<'a> Guards<'a> {
    /// The guards of a brand.
    #[must_use]
    pub fn of(configuration: &'a Configuration, brand: &BrandKey) -> Self {
        let (customers, facts) = configuration.brands.get(brand).map_or(
            (DEFAULT_MOST_CUSTOMERS, DEFAULT_MOST_FACTS),
            |versions| {
                let brand = versions.latest();
                (brand.most_customers_per_identifier, brand.identity.most_facts_per_identifier)
            },
        );
        Self {
            most_customers: usize::try_from(customers).unwrap_or(usize::MAX),
            most_facts: usize::try_from(facts).unwrap_or(usize::MAX),
            known: configuration.known_identifiers.get(brand),
        }
    }

    /// Whether a hash is a text that is no identifier.
    #[must_use]
    pub fn is_placeholder(&self, hash: &SubjectHash) -> bool {
        self.known.is_some_and(|known| known.placeholders.contains(hash))
    }

    /// Why an identifier stands for nobody, if it does: as a placeholder, or by the brand's own list.
    #[must_use]
    pub fn nobody(&self, identifier: &Identifier) -> Option<Reason> {
        let (placeholder, ignored) = match identifier {
            Identifier::Customer(hash) | Identifier::Email(hash) | Identifier::Visitor(hash) => {
                (self.is_placeholder(hash), self.is_ignored(hash))
            }
            Identifier::Click(click) => (is_placeholder(click), self.is_ignored_click(click)),
        };
        let ignored = ignored.then_some(Reason::IdentifierIgnored);
        if placeholder { Some(Reason::IdentifierPlaceholder) } else { ignored }
    }

    /// Whether any identifier that a fact names is none at all.
    #[must_use]
    pub fn is_placeholder_in(&self, subject: &Subject) -> bool {
        [subject.customer, subject.email, subject.visitor]
            .iter()
            .flatten()
            .any(|hash| self.is_placeholder(hash))
            || subject.click_id.as_ref().is_some_and(is_placeholder)
    }

    pub(super) fn is_ignored(&self, hash: &SubjectHash) -> bool {
        self.known.is_some_and(|known| known.ignored.contains(hash))
    }

    pub(super) fn is_ignored_click(&self, click: &ClickId) -> bool {
        self.known.is_some_and(|known| known.ignored_clicks.contains(click.as_str()))
    }

    pub(super) fn is_tester(&self, customer: &SubjectHash) -> bool {
        self.known.is_some_and(|known| known.test_customers.contains(customer))
    }

    /// What is left of a subject without placeholders: those connect no clusters.
    pub(super) fn without_placeholders(&self, subject: &Subject) -> Subject {
        let kept = |hash: Option<SubjectHash>| hash.filter(|hash| !self.is_placeholder(hash));
        Subject {
            customer: kept(subject.customer),
            visitor: kept(subject.visitor),
            email: kept(subject.email),
            click_id: subject.click_id.clone().filter(|click| !is_placeholder(click)),
        }
    }
}
