use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tributary_domain::click_id::ClickId;
use tributary_domain::fact::{
    Action, Adjustment, Consent, EventKind, Fact, FactBody, Measure, MeasureKind, PayoutAdvance, PayoutId,
    PayoutPlan, PayoutStep, Reversal, StatusChange, Subject, Touch, Verdict,
};
use tributary_domain::identity::{Identifier, IdentityDecision, Ruling};
use tributary_domain::ids::{
    BrandKey, CampaignKey, Channel, CommissionId, EventId, Goal, LinkKey, PartnerKey, PromoCode, SourceKey,
    SubjectHash, TransactionId,
};
use tributary_domain::money::{Currency, LARGEST_MINOR, Money};
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::{PARAMETERS, Tracking};

use super::{decode, encode};

fn key_text() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._-]{1,64}"
}

fn plain_text(longest: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>().prop_filter("no control characters", |c| !c.is_control()), 1..longest)
        .prop_map(String::from_iter)
}

fn money() -> impl Strategy<Value = Money> {
    (-LARGEST_MINOR..=LARGEST_MINOR, select(vec!["EUR", "JPY", "KWD", "CLF"]))
        .prop_map(|(minor, code)| Money::new(minor, Currency::parse(code).unwrap()))
}

fn transaction() -> impl Strategy<Value = TransactionId> {
    plain_text(128).prop_map(|text| TransactionId::parse(&text).unwrap())
}

fn tracking() -> impl Strategy<Value = Tracking> {
    let value =
        plain_text(60).prop_filter("kept as given", |text| !text.contains(char::REPLACEMENT_CHARACTER));
    prop::collection::btree_map(select(PARAMETERS.to_vec()), (value, key_text()), 0..6).prop_map(|pairs| {
        let mut tracking = Tracking::default();
        for (name, (value, key)) in pairs {
            tracking.insert(name, if name == "creator_id" { &key } else { &value }).unwrap();
        }
        tracking
    })
}

fn touch() -> impl Strategy<Value = Touch> {
    let keys = prop::collection::vec(prop::option::of(key_text()), 4);
    (keys, tracking()).prop_map(|(keys, tracking)| Touch {
        link: keys[0].as_deref().map(|key| LinkKey::parse(key).unwrap()),
        partner: keys[1].as_deref().map(|key| PartnerKey::parse(key).unwrap()),
        campaign: keys[2].as_deref().map(|key| CampaignKey::parse(key).unwrap()),
        channel: keys[3].as_deref().map(|key| Channel::parse(key).unwrap()),
        tracking,
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    select(vec![Verdict::Pending, Verdict::Approved, Verdict::Rejected])
}

fn action() -> impl Strategy<Value = Action> {
    let keys = (key_text(), prop::option::of(key_text()), prop::option::of(key_text()));
    let code =
        prop::option::of(plain_text(64).prop_filter_map("a code", |text| PromoCode::parse(&text).ok()));
    let money = prop::option::of(money());
    let cart = prop::option::of(any::<i64>());
    (keys, prop::option::of(transaction()), money, prop::option::of(verdict()), code, cart, tracking())
        .prop_map(
            |(
                (goal, campaign, partner),
                transaction,
                value,
                status,
                promo_code,
                cart_opened_at,
                tracking,
            )| Action {
                goal: Goal::parse(&goal).unwrap(),
                transaction,
                value,
                status,
                campaign: campaign.map(|key| CampaignKey::parse(&key).unwrap()),
                promo_code,
                named_partner: partner.map(|key| PartnerKey::parse(&key).unwrap()),
                cart_opened_at: cart_opened_at.map(Timestamp),
                tracking,
            },
        )
}

fn reversal() -> impl Strategy<Value = Reversal> {
    (transaction(), prop::option::of(money()))
        .prop_map(|(transaction, value)| Reversal { transaction, value })
}

fn shared() -> impl Strategy<Value = Arc<str>> {
    any::<String>().prop_map(Arc::from)
}

fn measure() -> impl Strategy<Value = Measure> {
    let kind = select(vec![MeasureKind::Trade, MeasureKind::PlayerDay, MeasureKind::Spend]);
    let keys = (prop::option::of(key_text()), prop::option::of(key_text()));
    let figures = prop::collection::vec((shared(), shared()), 0..5);
    (kind, prop::option::of(transaction()), prop::option::of(money()), keys, figures).prop_map(
        |(kind, transaction, value, (campaign, partner), figures)| Measure {
            kind,
            transaction,
            value,
            campaign: campaign.map(|key| CampaignKey::parse(&key).unwrap()),
            partner: partner.map(|key| PartnerKey::parse(&key).unwrap()),
            figures,
        },
    )
}

fn payout_plan() -> impl Strategy<Value = PayoutPlan> {
    let lines = prop::collection::vec((any::<[u8; 16]>(), any::<i64>()), 0..5);
    (shared(), shared(), key_text(), money(), lines).prop_map(|(payout, run, partner, money, lines)| {
        PayoutPlan {
            payout: PayoutId(payout),
            run,
            partner: PartnerKey::parse(&partner).unwrap(),
            currency: money.currency,
            lines: lines.into_iter().map(|(line, minor)| (CommissionId(EventId(line)), minor)).collect(),
        }
    })
}

fn payout_advance() -> impl Strategy<Value = PayoutAdvance> {
    let steps = vec![
        PayoutStep::Prepared,
        PayoutStep::Approved,
        PayoutStep::Exported,
        PayoutStep::Settled,
        PayoutStep::Failed,
    ];
    (shared(), select(steps), prop::option::of(shared()))
        .prop_map(|(payout, step, reference)| PayoutAdvance { payout: PayoutId(payout), step, reference })
}

fn identifier() -> impl Strategy<Value = Identifier> {
    let hash = || any::<[u8; 16]>().prop_map(SubjectHash);
    prop_oneof![
        hash().prop_map(Identifier::Customer),
        hash().prop_map(Identifier::Email),
        hash().prop_map(Identifier::Visitor),
        "[A-Za-z0-9._~-]{1,100}".prop_map(|text| Identifier::Click(ClickId::from_stored(&text).unwrap())),
    ]
}

fn decision() -> impl Strategy<Value = IdentityDecision> {
    let ruling = select(vec![Ruling::Separate, Ruling::Join, Ruling::Rejoin]);
    (ruling, identifier(), identifier(), shared())
        .prop_map(|(ruling, one, other, because)| IdentityDecision::of(ruling, one, other, because))
}

fn body() -> impl Strategy<Value = FactBody> {
    prop_oneof![
        touch().prop_map(FactBody::Click),
        touch().prop_map(FactBody::Impression),
        action().prop_map(FactBody::Registration),
        action().prop_map(FactBody::Qualification),
        action().prop_map(FactBody::Conversion),
        reversal().prop_map(FactBody::Refund),
        reversal().prop_map(FactBody::Chargeback),
        (transaction(), verdict())
            .prop_map(|(transaction, verdict)| FactBody::Status(StatusChange { transaction, verdict })),
        (transaction(), money(), shared()).prop_map(|(transaction, value, cause)| FactBody::Adjustment(
            Adjustment { transaction, value, cause }
        )),
        Just(FactBody::Identify),
        (shared(), any::<bool>())
            .prop_map(|(purpose, granted)| FactBody::Consent(Consent { purpose, granted })),
        measure().prop_map(FactBody::Measure),
        payout_plan().prop_map(FactBody::PayoutPrepared),
        payout_advance().prop_map(FactBody::PayoutAdvanced),
        decision().prop_map(FactBody::IdentityDecided),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    let hash = || prop::option::of(any::<[u8; 16]>().prop_map(SubjectHash));
    let click_id =
        prop::option::of("[A-Za-z0-9._~-]{1,100}".prop_map(|text| ClickId::from_stored(&text).unwrap()));
    let subject = (hash(), hash(), hash(), click_id)
        .prop_map(|(customer, visitor, email, click_id)| Subject { customer, visitor, email, click_id });
    (any::<[u8; 16]>(), key_text(), key_text(), any::<i64>(), subject, body()).prop_map(
        |(event, brand, source, at, subject, body)| Fact {
            event_id: EventId(event),
            brand: BrandKey::parse(&brand).unwrap(),
            source: SourceKey::parse(&source).unwrap(),
            occurred_at: Timestamp(at),
            subject,
            body,
        },
    )
}

proptest! {
    #[test]
    fn every_fact_reads_back_as_it_was_written(fact in fact()) {
        let bytes = encode(&fact);
        let read = decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&fact), "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(encode(&fact), bytes);
    }

    #[test]
    fn damaged_records_are_errors_and_never_panics(fact in fact(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encode(&fact);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(decode(&bytes));
        bytes.truncate(at);
        prop_assert!(decode(&bytes).is_err());
    }
}

fn golden(kind: EventKind) -> (PathBuf, String) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v1/fact_{}.json", kind.name()));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, text.trim_end().to_owned())
}

#[test]
fn golden_files_of_every_kind_are_read_and_written_as_ever() {
    for kind in EventKind::ALL {
        let (path, text) = golden(kind);
        let fact = decode(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(fact.body.kind(), kind);
        assert_eq!(String::from_utf8(encode(&fact)).unwrap(), text, "{}", path.display());
    }
}

#[test]
fn the_golden_conversion_has_the_values_that_were_written() {
    let (_, text) = golden(EventKind::Conversion);
    let fact = decode(text.as_bytes()).unwrap();
    assert_eq!(fact.event_id.to_string(), "019bc0f6-d5c0-7abc-9def-0123456789ab");
    assert_eq!(fact.occurred_at, Timestamp::parse("2026-01-15T10:00:00.000001Z").unwrap());
    assert_eq!(fact.subject.customer, Some(SubjectHash([0x11; 16])));
    let action = fact.body.action().unwrap();
    assert_eq!(action.value.unwrap().to_string(), "12.345 KWD");
    assert_eq!(action.status, Some(Verdict::Approved));
    assert_eq!(action.transaction.as_ref().unwrap().as_str(), "order \"1\" – ü");
    assert_eq!(action.tracking.get("sub1"), Some("a/b"));
}

#[test]
fn a_conversion_with_its_cart_s_moment_is_read_and_written_as_ever() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1/fact_conversion_of_a_cart.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let fact = decode(text.trim_end().as_bytes()).unwrap();
    let opened_at = fact.body.action().unwrap().cart_opened_at;
    assert_eq!(opened_at, Some(Timestamp::parse("2026-01-15T09:50:00Z").unwrap()));
    assert_eq!(String::from_utf8(encode(&fact)).unwrap(), text.trim_end());
    let (_, without) = golden(EventKind::Conversion);
    assert_eq!(decode(without.as_bytes()).unwrap().body.action().unwrap().cart_opened_at, None);
}

#[test]
fn what_no_build_has_written_is_refused_with_the_reason() {
    let (_, text) = golden(EventKind::Conversion);
    for (from, to, message) in [
        ("\"v\":1", "\"v\":2", "version 2"),
        ("\"v\":1", "\"v\":2,\"later\":true", "version 2"),
        ("\"v\":1", "\"v\":1,\"later\":true", "later"),
        ("\"kind\":\"conversion\"", "\"kind\":\"conversation\"", "kind"),
        ("\"goal\":\"purchase\",", "", "`goal` is missing"),
        (",\"currency\":\"KWD\"", "", "`currency` is missing"),
        ("\"minor\":12345,", "", "`minor` is missing"),
        ("KWD", "KWX", "currency"),
        ("\"approved\"", "\"perhaps\"", "status"),
        ("\"click_id\":\"", "\"click_id\":\"a b", "click_id"),
        ("1111", "11", "length"),
        ("\"brand\":\"acme\"", "\"brand\":\"a b\"", "brand"),
        ("\"sub1\"", "\"sub11\"", "sub11"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = decode(changed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
    assert!(decode(b"").is_err());
    assert!(decode(b"[]").is_err());
}
