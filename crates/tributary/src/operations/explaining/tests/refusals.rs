//! Planted refusals: whoever asks for the order is told first that it was refused, and why.

use tributary_adapters::canonical::DecodingRules;
use tributary_domain::reason::Reason;
use tributary_domain::time::{Span, Timestamp};
use tributary_store::log::Way;

use super::{asked, told, told_to};
use crate::edge::now;
use crate::edge::outcome::Outcome;
use crate::edge::refusals::{Content, Refused};
use crate::operations::explaining::{Progress, Stage};
use crate::workbench::Workbench;

/// The fields of an order that is refused, the reason, and the field that is named.
const BY_CONTENT: &[(&str, &str, Reason, Option<&str>)] = &[
    ("invalid amount", r#""value":"12,34""#, Reason::InvalidField, Some("value")),
    ("unknown currency", r#""value":"9.00","currency":"XQX""#, Reason::InvalidField, Some("currency")),
    ("no amount", r#""currency":"EUR""#, Reason::MissingField, Some("value")),
    ("unknown field", r#""value":"9.00","tax_rate":"3""#, Reason::UnknownField, Some("tax_rate")),
    ("unknown campaign", r#""value":"9.00","campaign":"winter""#, Reason::UnknownCampaign, Some("campaign")),
    ("two amounts", r#""value":"9.00","amount":"8.00""#, Reason::InvalidField, Some("amount")),
    ("bad status", r#""value":"9.00","status":"aproved""#, Reason::InvalidField, Some("status")),
    ("a macro", r#""value":"9.00","click_id":"{click_id}""#, Reason::InvalidField, Some("click_id")),
    ("a command", r#""event_type":"payout""#, Reason::NotAllowed, Some("event_type")),
];

/// Of the refusals by content, those whose field has a remedy of its own.
const EXACT: &[(&str, &str)] = &[
    ("invalid amount", "this source writes a decimal point"),
    ("unknown currency", "three letters of ISO 4217"),
    ("no amount", "Add `value` and `currency`"),
    ("two amounts", "Send one amount"),
    ("bad status", "approved, pending and rejected"),
    ("a macro", "leave the field out"),
];

/// The reasons of whole requests, whether the sender was proven then, and the stage that was not reached.
const BY_REQUEST: &[(Reason, bool, Stage)] = &[
    (Reason::SignatureMissing, false, Stage::Accepted),
    (Reason::SignatureInvalid, false, Stage::Accepted),
    (Reason::SignatureExpired, false, Stage::Accepted),
    (Reason::UnknownSource, false, Stage::Accepted),
    (Reason::RateLimited, true, Stage::Accepted),
    (Reason::StorageUnavailable, true, Stage::Stored),
];

pub(super) fn refuse(bench: &Workbench, reason: Reason, proven: bool, body: &str) {
    let configuration = bench.desk.configuration.current();
    let source = configuration.source(&Workbench::shop(), now()).filter(|_| reason != Reason::UnknownSource);
    let request = Refused { named: Some("shop"), source, proven, ..Refused::new(Way::Events, now()) };
    bench
        .desk
        .intake
        .refusals
        .tell(&request.with(Content::Events(body.as_bytes())), &Outcome::rejected(reason));
    bench.desk.intake.refusals.flush();
}

fn first(bench: &Workbench, id: &str) -> (Progress, String) {
    let explanation = told(bench, id);
    let prose = explanation.prose();
    (explanation.progress.unwrap(), prose)
}

#[test]
fn what_an_order_was_refused_for_is_told_first() {
    for (name, more, reason, field) in BY_CONTENT {
        let mut bench = Workbench::new();
        let kind = if more.contains("event_type") { "" } else { r#""event_type":"conversion","# };
        let event = format!(
            r#"{{{kind}"timestamp":"2026-03-02T10:00:00Z","customer_id":"c","transaction_id":"o-1","event_id":"e-1",{more}}}"#
        );
        let outcome = bench.send(&[&event]).remove(0);
        assert_eq!((outcome.reason, outcome.field.as_deref()), (*reason, *field), "{name}: {outcome:?}");
        bench.desk.intake.refusals.flush();
        for id in ["o-1", "e-1"] {
            let (progress, prose) = first(&bench, id);
            let cause = &progress.causes[0];
            assert_eq!((cause.rank, cause.code), (1, reason.code()), "{name}: {prose}");
            assert_eq!(progress.stopped_at, Some(Stage::Accepted), "{name}");
            assert_eq!(progress.passed, [Stage::Received], "{name}");
            let exact = EXACT.iter().find(|(each, _)| each == name).map(|(_, remedy)| *remedy);
            assert!(cause.remedy.contains(exact.unwrap_or(reason.hint())), "{name}: {}", cause.remedy);
            assert!(
                field.is_none_or(|field| prose.contains(&format!("Field: `{field}`."))),
                "{name}: {prose}"
            );
            assert!(
                prose.contains("from source shop") && prose.contains("customer_id (withheld)"),
                "{prose}"
            );
            assert!(
                !progress
                    .causes
                    .iter()
                    .any(|cause| ["refused_at_the_door", "never_received"].contains(&cause.code)),
                "{name}"
            );
        }
    }
}

#[test]
fn a_refused_amount_is_told_which_decimal_mark_its_source_writes() {
    for (comma, amount, mark) in
        [(true, "1.234,56", "writes a decimal comma"), (false, "1234,56", "writes a decimal point")]
    {
        let mut bench = Workbench::with(&format!(
            "
brands: [{{key: acme, currency: EUR}}]
sources: [{{key: shop, secrets: ['0123456789abcdef'], default_currency: EUR, decimal_comma: {comma}}}]
"
        ));
        bench.send(&[&format!(
            r#"{{"event_type":"conversion","transaction_id":"o-1","customer_id":"c","value":"{amount}"}}"#
        )]);
        bench.desk.intake.refusals.flush();
        let (progress, prose) = first(&bench, "o-1");
        assert!(progress.causes[0].remedy.contains(mark), "{prose}");
    }
}

#[test]
fn what_a_request_was_refused_for_is_told_first_for_each_of_its_orders() {
    for (reason, proven, stage) in BY_REQUEST {
        let bench = Workbench::new();
        refuse(&bench, *reason, *proven, r#"[{"order_id":"o-1","promo_code":"anna10"},{"order_id":"o-2"}]"#);
        for id in ["o-1", "o-2", "anna10", "ANNA10"] {
            let (progress, prose) = first(&bench, id);
            assert_eq!(
                (progress.causes[0].code, progress.stopped_at),
                (reason.code(), Some(*stage)),
                "{prose}"
            );
            assert_eq!(prose.contains("may be anybody's"), !proven, "{prose}");
        }
        assert_eq!(first(&bench, "o-3").0.causes[0].code, "never_received");
    }
}

#[test]
fn a_link_that_was_followed_in_vain_is_known() {
    let bench = Workbench::new();
    let rules = DecodingRules::redirect();
    let request = Refused { rules: Some(&rules), ..Refused::new(Way::Redirect, now()) };
    bench
        .desk
        .intake
        .refusals
        .tell(&request.with(Content::Link("anna-sumer")), &Outcome::rejected(Reason::UnknownLink));
    bench.desk.intake.refusals.flush();
    let (progress, prose) = first(&bench, "anna-sumer");
    assert_eq!(
        (progress.causes[0].code, progress.stopped_at),
        ("unknown_link", Some(Stage::Accepted)),
        "{prose}"
    );
}

#[test]
fn proven_senders_stand_before_anybody_and_repetitions_are_counted() {
    let bench = Workbench::new();
    let body = r#"{"order_id":"o-1"}"#;
    refuse(&bench, Reason::RateLimited, true, body);
    refuse(&bench, Reason::SignatureInvalid, false, body);
    refuse(&bench, Reason::SignatureInvalid, false, body);
    let (progress, _) = first(&bench, "o-1");
    let codes: Vec<&str> = progress.causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes[..2], ["rate_limited", "signature_invalid"]);
    assert!(progress.causes[1].evidence[0].starts_with("Received 2 times, last at "), "{progress:?}");
}

#[test]
fn what_was_taken_after_all_is_explained_by_itself_and_a_partner_is_told_nothing() {
    let mut bench = Workbench::new();
    refuse(&bench, Reason::SignatureInvalid, false, r#"{"order_id":"o-1"}"#);
    let explanation = told_to(&bench, "anna", "o-1");
    let codes: Vec<&str> =
        explanation.progress.iter().flat_map(|told| &told.causes).map(|cause| cause.code).collect();
    assert_eq!(codes, ["never_received"]);
    assert!(!explanation.prose().contains("refused"), "{}", explanation.prose());
    bench.sell("o-1");
    assert_eq!(told(&bench, "o-1").what, "conversion");
}

#[test]
fn an_approval_that_was_refused_stands_behind_what_the_order_waits_for() {
    let mut bench = Workbench::new();
    let order = r#"{"event_type":"conversion","transaction_id":"o-1","value":"9.00","currency":"EUR"}"#;
    // What was refused before it was taken after all is of no more interest.
    refuse(&bench, Reason::SignatureInvalid, false, order);
    bench.send(&[order]);
    bench.send(&[r#"{"event_type":"status","transaction_id":"o-1","status":"aproved"}"#]);
    bench.desk.intake.refusals.flush();
    let explanation = told(&bench, "o-1");
    let causes = explanation.progress.as_ref().unwrap();
    let codes: Vec<&str> = causes.causes.iter().map(|cause| cause.code).collect();
    assert_eq!((codes.first(), codes.last()), (Some(&"no_identity"), Some(&"invalid_field")), "{codes:?}");
    assert!(!codes.contains(&"signature_invalid"));
    assert_eq!(causes.causes.last().map(|cause| cause.rank), Some(codes.len()));
    assert!(
        explanation.prose().contains("Another request with this id was refused"),
        "{}",
        explanation.prose()
    );
    let partner = told_to(&bench, "anna", "o-1");
    assert!(!partner.prose().contains("refused"), "{}", partner.prose());
}

#[test]
fn a_time_in_which_everything_was_refused_says_so() {
    let bench = Workbench::new();
    refuse(&bench, Reason::SignatureExpired, false, r#"{"order_id":"o-1"}"#);
    refuse(&bench, Reason::SignatureExpired, false, r#"{"order_id":"o-2"}"#);
    let in_time = |from: Timestamp, source| {
        let to = from.plus(Span(3_600 * Span::SECOND.0));
        let source = tributary_domain::ids::SourceKey::parse(source).unwrap();
        asked(&bench, None, |sight| sight.explain_period(from, to, Some(&source)).unwrap()).progress.unwrap()
    };
    let hour_ago = Timestamp(now().0 - 1_800 * Span::SECOND.0);
    let progress = in_time(hour_ago, "shop");
    assert_eq!((progress.causes[0].code, progress.stopped_at), ("signature_expired", Some(Stage::Accepted)));
    assert!(progress.causes[0].evidence[0].contains("2 times"), "{progress:?}");
    assert_eq!(progress.causes[1].code, "source_silent");
    assert_eq!(in_time(hour_ago, "till").causes[0].code, "unknown_source");
    assert_eq!(in_time(Timestamp(0), "shop").causes[0].code, "source_silent");
}
