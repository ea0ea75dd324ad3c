//! The conformance suite of the notes about refused requests. A case begins with an empty store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tributary_domain::ids::BrandKey;
use tributary_domain::reason::Reason;
use tributary_domain::time::Timestamp;

use crate::log::Way;
use crate::refusals::{Keep, RefusalFilter, RefusalStore, RefusedRequest};

/// One empty store of an engine, opened as often as a case likes.
pub trait RefusalStores {
    /// Opens it.
    fn open(&self) -> Box<dyn RefusalStore>;
}

const EVERYTHING: Keep = Keep { most: 1_000, since: Timestamp(0) };

/// The note with that number: one second after another, of two brands and three sources in turn.
fn note(number: u64) -> RefusedRequest {
    let place = usize::try_from(number).unwrap();
    RefusedRequest {
        received_at: Timestamp(1_768_471_200_000_000 + i64::try_from(number).unwrap() * 1_000_000),
        way: Way::ALL[place % Way::ALL.len()],
        brand: (number.is_multiple_of(2)).then(|| BrandKey::parse("acme").unwrap()),
        source: [Some("shop"), Some("nobody"), None][place % 3].map(str::to_owned),
        proven: number.is_multiple_of(2),
        reason: [Reason::SignatureInvalid, Reason::InvalidField][place % 2],
        field: (number % 2 == 1).then(|| "currency".to_owned()),
        ids: vec![format!("o-{number}"), format!("t-{number}")],
        fields: vec![
            ("transaction_id".to_owned(), Some(format!("o-{number}"))),
            ("email".to_owned(), None),
            ("goal".to_owned(), Some("quote\" back\\slash\u{1F600}".to_owned())),
        ],
        other_fields: number,
        bytes: 1 << number.min(40),
    }
}

fn notes(numbers: std::ops::RangeInclusive<u64>) -> Vec<RefusedRequest> {
    numbers.map(note).collect()
}

fn stored(store: &dyn RefusalStore, filter: &RefusalFilter) -> Vec<RefusedRequest> {
    store.list(filter, 1_000).unwrap().into_iter().map(|stored| stored.request).collect()
}

/// What was stored is read back as it was, the newest first, also after reopening and by another reader.
pub fn notes_are_read_back_newest_first(stores: &dyn RefusalStores) {
    let store = stores.open();
    assert_eq!(stored(store.as_ref(), &RefusalFilter::default()), []);
    store.record(&notes(1..=3), EVERYTHING).unwrap();
    store.record(&notes(4..=5), EVERYTHING).unwrap();
    store.record(&[], EVERYTHING).unwrap();
    let mut expected = notes(1..=5);
    expected.reverse();
    assert_eq!(stored(store.as_ref(), &RefusalFilter::default()), expected);
    assert_eq!(stored(stores.open().as_ref(), &RefusalFilter::default()), expected);
}

/// An id leads to the notes that carry it, letter by letter.
pub fn notes_are_found_by_what_they_carry(stores: &dyn RefusalStores) {
    let store = stores.open();
    let again = RefusedRequest { ids: vec!["o-2".to_owned(), "o-2".to_owned()], ..note(9) };
    store.record(&[note(1), note(2), again], EVERYTHING).unwrap();
    let carrying = |id: &str| {
        let filter = RefusalFilter { id: Some(id.to_owned()), ..RefusalFilter::default() };
        stored(store.as_ref(), &filter).iter().map(|request| request.other_fields).collect::<Vec<_>>()
    };
    assert_eq!(carrying("o-1"), [1]);
    assert_eq!(carrying("t-2"), [2]);
    assert_eq!(carrying("o-2"), [9, 2]);
    for unknown in ["O-1", "o-3", "", "%", "o-1' OR '1'='1"] {
        assert!(carrying(unknown).is_empty(), "{unknown}");
    }
}

/// Filters hold together, and pages follow each other without gap or overlap.
pub fn notes_are_filtered_and_paged(stores: &dyn RefusalStores) {
    let store = stores.open();
    store.record(&notes(1..=30), EVERYTHING).unwrap();
    let count = |filter: RefusalFilter| {
        let found = stored(store.as_ref(), &filter);
        let fits = |request: &RefusedRequest| {
            filter.brand.as_ref().is_none_or(|brand| request.brand.as_ref() == Some(brand))
                && filter.source.as_ref().is_none_or(|source| request.source.as_ref() == Some(source))
                && filter.reason.is_none_or(|reason| request.reason == reason)
                && filter.since.is_none_or(|since| request.received_at >= since)
                && filter.until.is_none_or(|until| request.received_at < until)
        };
        assert!(found.iter().all(fits), "{filter:?}: {found:?}");
        found.len()
    };
    let all = RefusalFilter::default;
    assert_eq!(count(RefusalFilter { brand: Some(BrandKey::parse("acme").unwrap()), ..all() }), 15);
    assert_eq!(count(RefusalFilter { source: Some("nobody".to_owned()), ..all() }), 10);
    assert_eq!(count(RefusalFilter { reason: Some(Reason::InvalidField), ..all() }), 15);
    assert_eq!(count(RefusalFilter { reason: Some(Reason::RateLimited), ..all() }), 0);
    let (since, until) = (Some(note(11).received_at), Some(note(21).received_at));
    assert_eq!(count(RefusalFilter { since, until, ..all() }), 10);
    assert_eq!(count(RefusalFilter { since, until, reason: Some(Reason::InvalidField), ..all() }), 5);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.list(&RefusalFilter { before, ..all() }, 7).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        seen.extend(page.iter().map(|stored| stored.request.other_fields));
    }
    assert_eq!(seen, (1..=30).rev().collect::<Vec<_>>());
}

/// Beyond the most notes the oldest go, and so does what is too old, with their ids.
pub fn notes_are_bounded_by_count_and_age(stores: &dyn RefusalStores) {
    let store = stores.open();
    for first in (1..=91).step_by(10) {
        store.record(&notes(first..=first + 9), Keep { most: 25, since: Timestamp(0) }).unwrap();
        assert!(stored(store.as_ref(), &RefusalFilter::default()).len() <= 25);
    }
    let left = stored(store.as_ref(), &RefusalFilter::default());
    assert_eq!(
        left.iter().map(|request| request.other_fields).collect::<Vec<_>>(),
        (76..=100).rev().collect::<Vec<_>>()
    );
    store.record(&[], Keep { most: 25, since: note(99).received_at }).unwrap();
    let left = stored(store.as_ref(), &RefusalFilter::default());
    assert_eq!(left.iter().map(|request| request.other_fields).collect::<Vec<_>>(), [100, 99]);
    for gone in [1, 50, 98] {
        let filter = RefusalFilter { id: Some(format!("o-{gone}")), ..RefusalFilter::default() };
        assert!(stored(store.as_ref(), &filter).is_empty());
    }
    // One call with more than is kept keeps the newest of it.
    store.record(&notes(200..=260), Keep { most: 25, since: Timestamp(0) }).unwrap();
    assert_eq!(stored(store.as_ref(), &RefusalFilter::default()).len(), 25);
}

/// Several processes write and read at once.
pub fn several_writers_get_on(stores: &dyn RefusalStores) {
    let opened: Vec<Box<dyn RefusalStore>> = (0..4).map(|_| stores.open()).collect();
    std::thread::scope(|scope| {
        for (store, first) in opened.iter().zip([1, 101, 201, 301]) {
            scope.spawn(move || {
                for number in first..first + 20 {
                    store.record(&[note(number)], EVERYTHING).unwrap();
                    assert!(!store.list(&RefusalFilter::default(), 5).unwrap().is_empty());
                }
            });
        }
    });
    assert_eq!(stored(stores.open().as_ref(), &RefusalFilter::default()).len(), 80);
}

/// Makes one test of every case; the argument is an expression that gives a new empty store, a [`RefusalStores`].
#[macro_export]
macro_rules! refusal_suite {
    ($new_store:expr) => {
        $crate::refusal_suite! { @cases $new_store;
            notes_are_read_back_newest_first
            notes_are_found_by_what_they_carry
            notes_are_filtered_and_paged
            notes_are_bounded_by_count_and_age
            several_writers_get_on
        }
    };
    (@cases $new_store:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::suite::refusals::$case(&$new_store);
            }
        )+
    };
}
