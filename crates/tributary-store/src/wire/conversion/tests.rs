use proptest::prelude::*;

use super::*;

/// Every field in use.
fn full() -> Conversion {
    let credit = |touch, kind, earner, link, weight, minor| Credit {
        touchpoint: EventId([touch; 16]),
        kind,
        earner,
        campaign: Some(CampaignKey::parse("spring_sale").unwrap()),
        link,
        weight,
        total_weight: 10,
        minor,
    };
    let partner = |key| Earner::Partner(PartnerKey::parse(key).unwrap());
    Conversion {
        event_id: EventId([7; 16]),
        kind: EventKind::Conversion,
        brand: BrandKey::parse("acme").unwrap(),
        occurred_at: Timestamp(1_768_471_200_000_000),
        goal: Goal::parse("purchase").unwrap(),
        transaction: Some(TransactionId::parse("№ 7 \"quoted\" \\").unwrap()),
        person: Some(EventId([3; 16])),
        campaign: Some(CampaignKey::parse("spring_sale").unwrap()),
        model: Some(Model::WeightedLastTouch { last_share_ppm: 600_000 }),
        value: Some(Money::new(10_000, Currency::parse("KWD").unwrap())),
        refunded: 2_500,
        verdict: Verdict::Approved,
        reason: Reason::Attributed,
        considered: Vec::new(),
        credits: vec![
            credit(3, TouchKind::Click, partner("anna"), Some(LinkKey::parse("spring").unwrap()), 2, 2_000),
            credit(
                4,
                TouchKind::Impression,
                Earner::Channel(Channel::parse("email").unwrap()),
                None,
                2,
                2_000,
            ),
            credit(7, TouchKind::Code, partner("ben"), None, 6, 6_000),
        ],
        commissions: vec![Commission {
            id: CommissionId(EventId([9; 16])),
            partner: PartnerKey::parse("anna").unwrap(),
            plan: PlanKey::parse("standard").unwrap(),
            granted: Money::new(200, Currency::parse("KWD").unwrap()),
            owed: 150,
            state: CommissionState::Held,
            reason: Reason::PartnerOnHold,
            payable_from: Timestamp(1_771_063_200_000_000),
        }],
    }
}

/// Only what every conversion has.
fn bare() -> Conversion {
    Conversion {
        kind: EventKind::Registration,
        goal: Goal::parse("registration").unwrap(),
        transaction: None,
        person: None,
        campaign: None,
        model: None,
        value: None,
        refunded: 0,
        verdict: Verdict::Pending,
        reason: Reason::NoTouchpoint,
        credits: Vec::new(),
        commissions: Vec::new(),
        ..full()
    }
}

#[test]
fn golden_files_are_read_and_written_as_ever() {
    for (golden, conversion) in [
        (include_str!("../../../tests/golden/v1/conversion_full.json"), full()),
        (include_str!("../../../tests/golden/v1/conversion_bare.json"), bare()),
    ] {
        assert_eq!(decode(golden.trim_end().as_bytes()).unwrap(), conversion);
        assert_eq!(String::from_utf8(encode(&conversion).unwrap()).unwrap(), golden.trim_end());
    }
}

#[test]
fn what_no_version_wrote_is_refused_and_says_why() {
    let golden = include_str!("../../../tests/golden/v1/conversion_full.json");
    for (from, to, why) in [
        ("\"v\":1", "\"v\":2", "version 2"),
        ("\"verdict\":\"approved\"", "\"verdict\":\"maybe\"", "verdict `maybe`"),
        ("\"state\":\"held\"", "\"state\":\"lost\"", "state `lost`"),
        ("\"model\":\"weighted_last_touch(600000)\"", "\"model\":\"magic\"", "model `magic`"),
        ("\"currency\":\"KWD\",\"value\"", "\"value\"", "without a currency"),
        ("\"earner\":\"anna\"", "\"earner\":\"a b\"", "a b"),
        ("\"v\":1", "\"v\":1,,", "line 1"),
    ] {
        let text = golden.replacen(from, to, 1);
        assert_ne!(text, golden, "{from}");
        let error = decode(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        id: [u8; 16],
        at: i64,
        transaction in "\\PC{1,40}",
        (value, refunded, weight, total) in (any::<i64>(), any::<i64>(), any::<u64>(), any::<u64>()),
        model in prop::sample::select(vec![None, Some(Model::FirstTouch), Some(Model::LastTouch), Some(Model::Linear)]),
        reason in prop::sample::select(Reason::ALL.to_vec()),
    ) {
        let mut conversion = full();
        conversion.event_id = EventId(id);
        conversion.occurred_at = Timestamp(at);
        conversion.transaction = TransactionId::parse(&transaction).ok();
        conversion.value = Some(Money::new(value, Currency::parse("JPY").unwrap()));
        conversion.refunded = refunded;
        (conversion.credits[0].weight, conversion.credits[0].total_weight) = (weight, total);
        (conversion.model, conversion.reason) = (model, reason);
        prop_assert_eq!(decode(&encode(&conversion).unwrap()).unwrap(), conversion);
    }

    #[test]
    fn damaged_bytes_never_panic(place in 0usize..500, byte: u8) {
        let mut bytes = encode(&full()).unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = decode(&bytes);
    }
}
