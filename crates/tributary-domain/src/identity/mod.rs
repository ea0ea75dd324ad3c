//! Identity: which facts belong to one person. Deterministic stitching only; nothing is guessed.
//!
//! Two layers, so that storage may be simple and the rule exact:
//!
//! * A **cluster** is everything connected by any shared identifier ([`NodeKey`]). It only ever grows, so the store can keep
//!   it as a union-find. It bounds which facts can influence each other and says nothing about people.
//! * A **person** is what [`stitch`] finds inside one cluster, afresh from all its facts, with the guards below.
//!   Since it looks at the whole set, the order in which facts arrived cannot matter.
//!
//! Guards: a visitor id used by several customers is a shared device: it never merges them, and each of its anonymous
//! touches goes to the customer who identified himself next on it. An identifier with more customers than the brand's
//! bound joins nobody. Only an e-mail address makes one person of two customer ids, never a device or a click. What an operator
//! ruled about two identifiers ([`IdentityDecision`]) goes before all evidence.

mod decision;
mod evidence;
mod groups;
mod guards;
mod identifiers;
mod stitching;

use crate::click_id::ClickId;
use crate::fact::{Fact, FactBody};
use crate::ids::{BrandKey, SubjectHash, TransactionId, fingerprint, fingerprint_in_order};

pub use decision::{Identifier, IdentifierKind, IdentityDecision, Ruling};
pub use evidence::{Edge, Guarded, IdentifierStanding, IdentityGraph, Person, RulingStanding, Tie};
pub use guards::{DEFAULT_MOST_FACTS, Guards, IdentityRules, KnownIdentifiers, is_placeholder, placeholders};
pub use stitching::{PersonIndex, Stitching, stitch};

/// An identifier that may connect facts, hashed with its kind and brand.
///
/// For our own click ids the first six bytes are the click's time, so that new clicks lie side by side in an index; for transactions the
/// first three follow the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeKey(pub [u8; 16]);

/// The identifiers by which a fact is connected to others. A ruling connects the two identifiers that it speaks about.
///
/// `transaction_namespace` is that of the fact's source; a refund names its order and so reaches the order's facts. What is no
/// identifier at all, such as `0` or `undefined`, connects nothing: else one cluster would hold half a brand.
#[must_use]
pub fn nodes(fact: &Fact, transaction_namespace: &str, guards: &Guards<'_>) -> Vec<NodeKey> {
    let subject = guards.without_placeholders(&fact.subject);
    let mut nodes: Vec<NodeKey> = Identifier::all_of(&subject)
        .iter()
        .map(|identifier| identifier_node(&fact.brand, identifier))
        .collect();
    if let FactBody::IdentityDecided(decision) = &fact.body {
        let (one, other) = decision.pair();
        nodes.extend([one, other].map(|identifier| identifier_node(&fact.brand, identifier)));
    }
    nodes.extend(
        fact.body.transaction().map(|number| transaction_node(&fact.brand, transaction_namespace, number)),
    );
    nodes
}

/// The node of an identifier.
#[must_use]
pub fn identifier_node(brand: &BrandKey, identifier: &Identifier) -> NodeKey {
    match identifier {
        Identifier::Customer(SubjectHash(hash))
        | Identifier::Email(SubjectHash(hash))
        | Identifier::Visitor(SubjectHash(hash)) => node(identifier.kind().name(), brand, &[hash]),
        Identifier::Click(click) => click_node(brand, click),
    }
}

/// The node of a click id.
#[must_use]
pub fn click_node(brand: &BrandKey, click: &ClickId) -> NodeKey {
    let NodeKey(mut key) = node("click", brand, &[click.as_str().as_bytes()]);
    if let Some((_, issued_at)) = click.issued_for() {
        key[..6].copy_from_slice(&issued_at.milliseconds().to_be_bytes()[2..]);
    }
    NodeKey(key)
}

/// The node of a transaction id.
#[must_use]
pub fn transaction_node(brand: &BrandKey, namespace: &str, transaction: &TransactionId) -> NodeKey {
    let parts =
        [b"transaction", brand.as_str().as_bytes(), namespace.as_bytes(), transaction.as_str().as_bytes()];
    NodeKey(fingerprint_in_order(&parts, transaction.as_str()))
}

fn node(kind: &str, brand: &BrandKey, values: &[&[u8]]) -> NodeKey {
    let mut parts: Vec<&[u8]> = vec![kind.as_bytes(), brand.as_str().as_bytes()];
    parts.extend(values);
    NodeKey(fingerprint(&parts))
}
