//! Whole pages from figures made by hand.

use tributary_domain::attribution::models::Model;
use tributary_domain::attribution::{Earner, TouchKind};
use tributary_domain::fact::{
    Action, EventKind, Fact, FactBody, PayoutId, PayoutPlan, PayoutStep, Subject, Verdict,
};
use tributary_domain::ids::{
    BrandKey, CommissionId, EventId, Goal, PartnerKey, PlanKey, SourceKey, TransactionId,
};
use tributary_domain::ledger::{Account, CommissionState};
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::Tracking;
use tributary_store::log::{Sequence, Way};
use tributary_store::state::{ClusterId, CommissionSum, ConversionFilter, Payout, StoredFact};

use super::conversions::{Listed, conversions_page};
use super::home::home_page;
use super::overview::{AsOf, Figures, Overview};
use super::partners::{books, partners};
use super::stages::{Settled, stages};

const EVIL: &str = "<img src=x onerror=alert(1)>\"'&";
const AT: Timestamp = Timestamp(1_768_471_200_000_000);

fn brand() -> BrandKey {
    BrandKey::parse("acme").unwrap()
}

fn anna() -> PartnerKey {
    PartnerKey::parse("anna").unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::parse(code).unwrap())
}

fn event(number: u8) -> EventId {
    EventId::from_parts(AT, &[number; 16])
}

fn overview(figures: Figures) -> Overview {
    Overview {
        as_of: AsOf { event: 12_345, log: 12_347, lag: 2, queue: 0, moving: false },
        read_at: AT,
        brands: vec![(brand(), "Acme & Sons".to_owned())],
        brand: Some(brand()),
        conflicts: 0,
        newest_conflicts: Vec::new(),
        figures,
    }
}

fn conversion(value: Money, transaction: &str) -> Conversion {
    Conversion {
        event_id: event(7),
        kind: EventKind::Conversion,
        brand: brand(),
        occurred_at: AT,
        goal: Goal::parse("purchase").unwrap(),
        transaction: Some(TransactionId::parse(transaction).unwrap()),
        person: None,
        campaign: None,
        model: Some(Model::LastTouch),
        value: Some(value),
        refunded: 1,
        verdict: Verdict::Pending,
        reason: Reason::Attributed,
        considered: Vec::new(),
        credits: vec![Credit {
            touchpoint: event(6),
            kind: TouchKind::Click,
            earner: Earner::Partner(anna()),
            campaign: None,
            link: None,
            weight: 1,
            total_weight: 1,
            minor: value.minor,
        }],
        commissions: vec![Commission {
            id: CommissionId(event(8)),
            partner: anna(),
            plan: PlanKey::parse("standard").unwrap(),
            granted: value,
            owed: value.minor,
            state: CommissionState::Approved,
            reason: Reason::InHoldPeriod,
            payable_from: AT,
        }],
    }
}

fn stored(transaction: &str) -> StoredFact {
    let action = Action {
        goal: Goal::parse("purchase").unwrap(),
        transaction: Some(TransactionId::parse(transaction).unwrap()),
        value: Some(money(1_234_567, "KWD")),
        status: None,
        campaign: None,
        promo_code: None,
        named_partner: None,
        cart_opened_at: None,
        tracking: Tracking::default(),
    };
    let fact = Fact {
        event_id: event(7),
        brand: brand(),
        source: SourceKey::parse("shop").unwrap(),
        occurred_at: AT,
        subject: Subject::default(),
        body: FactBody::Conversion(action),
    };
    StoredFact {
        sequence: Sequence(1),
        cluster: ClusterId(1),
        way: Way::Postback,
        received_at: AT,
        outcome: Reason::NoTouchpoint,
        fact,
    }
}

fn payout() -> Payout {
    Payout {
        brand: brand(),
        plan: PayoutPlan {
            payout: PayoutId("po_0123456789abcdef01234567".into()),
            run: EVIL.into(),
            partner: anna(),
            currency: Currency::parse("EUR").unwrap(),
            lines: vec![(CommissionId(event(8)), 1_000)],
        },
        step: PayoutStep::Settled,
        reference: Some(EVIL.to_owned()),
        prepared_at: AT,
        stepped_at: AT,
    }
}

/// Whether every tag is closed in the right order and every attribute is quoted.
fn well_formed(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').ok_or_else(|| format!("unclosed <{piece}"))?;
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("unbalanced quotes in <{tag}>"));
        }
        if tag.starts_with('/') {
            let expected = open.pop();
            if expected != Some(name) {
                return Err(format!("</{name}> closes <{expected:?}>"));
            }
        } else if !tag.ends_with('/') && !matches!(name, "!doctype" | "meta" | "link" | "input") {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn an_installation_without_anything_says_what_to_do() {
    let mut empty = overview(Figures::default());
    empty.brand = None;
    empty.brands.clear();
    let html = home_page(&empty);
    assert!(html.as_str().contains("tributary apply"));
    well_formed(html.as_str()).unwrap();
}

#[test]
fn a_brand_without_events_shows_six_stages_of_nothing_and_the_next_step_of_each_list() {
    let figures = Figures { stages: stages(0, Settled::default()), known_partners: 3, ..Figures::default() };
    let html = home_page(&overview(figures));
    assert_eq!(html.as_str().matches("class=\"stage\"").count(), 6);
    for text in [
        "No commission yet. 3 partners",
        "None yet. Follow a tracked link",
        "Nothing is booked yet",
        "0 conflicts",
    ] {
        assert!(html.as_str().contains(text), "{text}");
    }
    well_formed(html.as_str()).unwrap();
}

#[test]
fn what_senders_chose_is_text_on_every_page() {
    let figures = Figures {
        events: vec![stored(EVIL)],
        conversions: vec![conversion(money(100, "EUR"), EVIL)],
        payouts: vec![payout()],
        ..Figures::default()
    };
    let mut overview = overview(figures);
    overview.brands[0].1 = EVIL.to_owned();
    let filter = ConversionFilter {
        transaction: Some(TransactionId::parse(EVIL).unwrap()),
        ..ConversionFilter::default()
    };
    let list = Listed::new(
        filter,
        None,
        vec![conversion(money(1, "EUR"), EVIL), conversion(money(2, "EUR"), "x")],
        1,
    );
    for html in [home_page(&overview), conversions_page(&list)] {
        assert!(!html.as_str().contains("<img"));
        assert!(html.as_str().contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
        well_formed(html.as_str()).unwrap();
    }
}

#[test]
fn pages_hold_no_script_and_no_inline_handler_or_style() {
    let html = home_page(&overview(Figures { stages: stages(9, Settled::default()), ..Figures::default() }));
    for forbidden in ["<script", "javascript:", " style=", " onclick", " onload", "http-equiv"] {
        assert!(!html.as_str().contains(forbidden), "{forbidden}");
    }
}

#[test]
fn huge_and_three_decimal_amounts_stay_exact() {
    let sum = |owed, code| CommissionSum {
        brand: brand(),
        partner: anna(),
        currency: Currency::parse(code).unwrap(),
        state: CommissionState::Pending,
        reason: Reason::AwaitingApproval,
        lines: u64::MAX,
        owed,
        locked: 0,
    };
    let balances = [(brand(), Account::Pending(anna()), money(-i64::MAX, "EUR"))];
    let figures = Figures {
        stages: stages(u64::MAX, Settled { registrations: u64::MAX, ..Settled::default() }),
        partners: partners(&[sum(i64::MAX, "EUR"), sum(1_234_567, "KWD")], &balances, &Default::default()),
        books: books(&brand(), &balances),
        conversions: vec![conversion(money(i64::MAX, "JPY"), "1")],
        ..Figures::default()
    };
    let html = home_page(&overview(figures));
    for text in [
        "18,446,744,073,709,551,615",
        "92,233,720,368,547,758.07 EUR",
        "1,234.567 KWD",
        "9,223,372,036,854,775,807 JPY",
        "width=\"1000\"",
        "not balanced",
        "differs from the ledger",
    ] {
        assert!(html.as_str().contains(text), "{text}");
    }
    well_formed(html.as_str()).unwrap();
}

#[test]
fn every_status_stands_with_its_reason_and_what_happens_next() {
    let figures = Figures {
        events: vec![stored("order-1")],
        conversions: vec![conversion(money(100, "EUR"), "order-1")],
        ..Figures::default()
    };
    let html = home_page(&overview(figures));
    for text in [
        "No verdict yet: a status event or reconciliation gives it.",
        "Payable from 2026-01-15 10:00:00 UTC.",
        Reason::NoTouchpoint.message(),
        Reason::NoTouchpoint.hint(),
        "As of event <strong>12,345</strong>, lag <strong>2</strong>",
    ] {
        assert!(html.as_str().contains(text), "{text}");
    }
}

#[test]
fn a_full_page_of_conversions_leads_to_the_next_with_the_same_filter() {
    let filter = ConversionFilter { partner: Some(anna()), ..ConversionFilter::default() };
    let found = || vec![conversion(money(1, "EUR"), "1"), conversion(money(2, "EUR"), "2")];
    let full = conversions_page(&Listed::new(filter.clone(), None, found(), 1));
    assert!(full.as_str().contains(&format!("/conversions?partner=anna&amp;after={}", event(7))));
    let last = conversions_page(&Listed::new(filter, None, found(), 2));
    assert!(!last.as_str().contains("after="));
}

#[test]
fn the_attribution_report_is_well_formed_and_never_writes_a_style_that_the_policy_forbids() {
    let mut bench = crate::workbench::Workbench::new();
    let page = |bench: &crate::workbench::Workbench| {
        let configuration = bench.desk.configuration.current();
        let question = crate::operations::attribution_report::Question::about(
            crate::workbench::Workbench::brand(),
            Currency::parse("EUR").unwrap(),
        );
        let state = bench.desk.state.as_ref();
        let report =
            crate::operations::attribution_report::attribution_report(state, &configuration, &question);
        let choices = super::attribution::Choices::of(&configuration, &question.brand);
        let as_of = AsOf { event: 1, log: 1, lag: 0, queue: 0, moving: false };
        super::attribution::attribution_page(&as_of, &report.unwrap(), &choices, EVIL)
    };
    assert!(page(&bench).as_str().contains("Nothing to attribute"));
    bench.sell("1");
    let html = page(&bench);
    well_formed(html.as_str()).unwrap();
    assert!(html.as_str().contains("45.00 EUR") && html.as_str().contains("anna"));
    assert!(!html.as_str().contains(" style=") && !html.as_str().contains("<img"));
    well_formed(super::attribution::nothing_set_up_page().as_str()).unwrap();
}
