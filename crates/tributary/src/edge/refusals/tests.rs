//! Notes under flood, under a store that hangs or fails, and what they hold.

use std::sync::Condvar;

use tributary_domain::configuration::Configuration;
use tributary_store::refusals::{
    Keep, RefusalError, RefusalFilter, RefusedRequest, SqliteRefusals, StoredRefusal,
};

use super::*;
use crate::workbench::Workbench;

const AT: Timestamp = Timestamp(1_768_471_200_000_000);

/// A store that takes nothing while its gate is shut, and fails when it is told to.
#[derive(Default)]
struct Gated {
    shut: Mutex<bool>,
    opened: Condvar,
    fails: bool,
    notes: Mutex<Vec<RefusedRequest>>,
}

impl RefusalStore for Gated {
    fn record(&self, requests: &[RefusedRequest], _keep: Keep) -> Result<(), RefusalError> {
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
        if self.fails && !requests.is_empty() {
            return Err(RefusalError::Database("full".to_owned()));
        }
        self.notes.lock().unwrap().extend_from_slice(requests);
        Ok(())
    }

    fn list(&self, _filter: &RefusalFilter, _limit: usize) -> Result<Vec<StoredRefusal>, RefusalError> {
        Ok(Vec::new())
    }
}

fn started(store: Arc<dyn RefusalStore>, settings: &RefusalSettings) -> (Refusals, Metrics) {
    let metrics = Metrics::default();
    (Refusals::start(store, settings, metrics.clone()).unwrap(), metrics)
}

/// How many notes had a fate, of all reasons.
fn count(metrics: &Metrics, fate: Fate) -> u64 {
    let head = format!("tributary_refusals_total{{fate=\"{}\"", fate.name());
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with(&head));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn of_shop(configuration: &Configuration) -> Refused<'_> {
    let source = configuration.source(&Workbench::shop(), AT);
    Refused { named: Some("shop"), source, proven: true, ..Refused::new(Way::Events, AT) }
}

#[test]
fn a_flood_of_junk_is_bounded_and_hides_no_honest_note() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let path = bench.directory.path().join("flood.sqlite");
    let store = Arc::new(SqliteRefusals::open(&path).unwrap());
    let settings = RefusalSettings { per_source_and_minute: 200, most_stored: 150, keep_days: 36_500 };
    let (refusals, metrics) = started(store.clone(), &settings);
    let junk = |number: usize| {
        let named = format!("stranger-{number}");
        let body = format!(r#"{{"order_id":"junk-{number}","value":"1.00"}}"#);
        let request = Refused { named: Some(&named), ..Refused::new(Way::Webhook, AT) };
        let reason = [Reason::UnknownSource, Reason::SignatureInvalid, Reason::TooLarge][number % 3];
        refusals.tell(&request.with(Content::Event(body.as_bytes())), &Outcome::rejected(reason));
        // As somebody who pretends to be the shop.
        let pretender = Refused { proven: false, ..of_shop(&configuration) };
        refusals.tell(
            &pretender.with(Content::Event(body.as_bytes())),
            &Outcome::rejected(Reason::SignatureInvalid),
        );
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let junk = &junk;
            scope.spawn(move || (0..25_000).for_each(|number| junk(thread * 25_000 + number)));
        }
    });
    let honest = br#"{"event_type":"conversion","order_id":"honest","value":"1,00"}"#;
    let outcome = Outcome { field: Some("value".to_owned()), ..Outcome::rejected(Reason::InvalidField) };
    refusals.tell(&of_shop(&configuration).with(Content::Event(honest)), &outcome);
    refusals.flush();
    let (kept, over, overflow) =
        (count(&metrics, Fate::Kept), count(&metrics, Fate::OverLimit), count(&metrics, Fate::Overflow));
    assert_eq!(kept + over + overflow, 200_001, "each is counted once");
    // Strangers of three reasons, pretenders of one, which may have half, and the honest one.
    assert!(kept <= 200 + 100 + 1, "{kept} notes were written");
    assert!(kept > 150, "{kept}");
    let stored = store.list(&RefusalFilter::default(), 1_000).unwrap();
    assert_eq!(stored.len(), 150, "the oldest were thrown away");
    assert_eq!(refusals.0.shared.waiting_bytes.load(Ordering::Relaxed), 0);
    let found =
        store.list(&RefusalFilter { id: Some("honest".to_owned()), ..RefusalFilter::default() }, 9).unwrap();
    assert_eq!((found.len(), found[0].request.field.as_deref()), (1, Some("value")));
}

#[test]
fn a_store_that_hangs_costs_bounded_memory_and_makes_no_door_wait() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let store = Arc::new(Gated { shut: Mutex::new(true), ..Gated::default() });
    let settings = RefusalSettings { per_source_and_minute: 1_000_000, ..RefusalSettings::default() };
    let (refusals, metrics) = started(store.clone(), &settings);
    let large = format!(r#"{{"order_id":"o-1","data":{{"note":"{}"}}}}"#, "x".repeat(4_000)).repeat(50);
    let request = of_shop(&configuration);
    for _ in 0..10_000 {
        refusals
            .tell(&request.with(Content::Event(large.as_bytes())), &Outcome::rejected(Reason::InvalidField));
        assert!(refusals.0.shared.waiting_bytes.load(Ordering::Relaxed) <= MOST_WAITING_BYTES);
    }
    // Every call came back although nothing could be written.
    let waiting = 10_000 - count(&metrics, Fate::Overflow);
    let most = MOST_WAITING_BYTES / large.len() + 1;
    assert!(waiting >= 1 && waiting <= u64::try_from(most + 1_000).unwrap(), "{waiting} of at most {most}");
    *store.shut.lock().unwrap() = false;
    store.opened.notify_all();
    refusals.flush();
    assert_eq!(count(&metrics, Fate::Kept), waiting);
    assert_eq!(refusals.0.shared.waiting_bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn a_store_that_fails_is_counted_and_the_writer_goes_on() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let (refusals, metrics) =
        started(Arc::new(Gated { fails: true, ..Gated::default() }), &RefusalSettings::default());
    for _ in 0..3 {
        refusals.tell(&of_shop(&configuration), &Outcome::rejected(Reason::MalformedBody));
        refusals.flush();
    }
    assert_eq!((count(&metrics, Fate::NotStored), count(&metrics, Fate::Kept)), (3, 0));
    refusals.close();
    refusals.tell(&of_shop(&configuration), &Outcome::rejected(Reason::MalformedBody));
    refusals.flush();
    assert_eq!(count(&metrics, Fate::Overflow), 1);
}

#[test]
fn a_refused_batch_leaves_a_note_of_each_event_up_to_a_hundred() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let store = Arc::new(Gated::default());
    let (refusals, metrics) = started(store.clone(), &RefusalSettings::default());
    let events: Vec<String> = (0..250).map(|number| format!(r#"{{"order_id":"o-{number}"}}"#)).collect();
    let batch = format!("[{}]", events.join(","));
    refusals.tell(
        &of_shop(&configuration).with(Content::Events(batch.as_bytes())),
        &Outcome::rejected(Reason::RateLimited),
    );
    refusals.close();
    let notes = store.notes.lock().unwrap();
    let ids: Vec<&str> = notes.iter().flat_map(|note| &note.ids).map(String::as_str).collect();
    assert_eq!((ids.len(), ids[0], ids[99]), (100, "o-0", "o-99"));
    assert_eq!((count(&metrics, Fate::Kept), count(&metrics, Fate::OverLimit)), (100, 150));
}

#[test]
fn what_was_taken_or_stands_in_the_log_leaves_no_note() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let store = Arc::new(Gated::default());
    let (refusals, _) = started(store.clone(), &RefusalSettings::default());
    let accepted = Outcome { status: Status::Accepted, ..Outcome::rejected(Reason::Recorded) };
    for outcome in [accepted, Outcome::rejected(Reason::PayloadConflict)] {
        refusals.tell(&of_shop(&configuration), &outcome);
    }
    refusals.close();
    assert!(store.notes.lock().unwrap().is_empty());
}

#[test]
fn no_note_holds_a_person_a_secret_or_what_nobody_knows() {
    let bench = Workbench::new();
    let configuration = bench.desk.configuration.current();
    let store = Arc::new(Gated::default());
    let (refusals, _) = started(store.clone(), &RefusalSettings::default());
    let secrets = [
        "jane.roe",
        "JaneRoe",
        "203.0.113.77",
        "c-4711",
        "v-0815",
        "Mozilla",
        "whsec_",
        "0123456789abcdef",
        "hunter2",
    ];
    let json = br#"{"event_type":"conversion","order_id":"o-1","customer_id":"c-4711","visitor_id":"v-0815","email":"jane.roe@x.example",
        "ip":"203.0.113.77","user_agent":"Mozilla","sub1":"JaneRoe","data":{"token":"hunter2"},"hunter2":"whsec_0123456789abcdef","value":"JaneRoe, 5"}"#;
    let query = "order_id=o-2&customer_id=c-4711&email=jane.roe%40x.example&token=0123456789abcdef&sign=0123456789abcdef&ip=203.0.113.77&aff_sub=JaneRoe";
    let fields = tributary_adapters::canonical::fields_from_json(json).unwrap();
    let everywhere = |named| {
        let anybody = Refused { named: Some(named), ..Refused::new(Way::Postback, AT) };
        [
            anybody,
            Refused { way: Way::Webhook, ..anybody },
            Refused { way: Way::Postback, ..of_shop(&configuration) },
            of_shop(&configuration),
        ]
    };
    for request in everywhere("0123456789abcdef").into_iter().chain(everywhere("jane.roe@x.example")) {
        for content in [
            Content::Event(json),
            Content::Events(json),
            Content::Fields(&fields),
            Content::Parameters(query, b""),
            Content::Parameters(query, json),
            Content::Parameters("", query.as_bytes()),
            Content::Link("jane.roe@x.example"),
        ] {
            let outcome = Outcome {
                field: Some("jane.roe@x.example".to_owned()),
                message: Some("`JaneRoe` cannot be accepted".to_owned()),
                ..Outcome::rejected(Reason::InvalidField)
            };
            refusals.tell(&request.with(content), &outcome);
        }
    }
    refusals.close();
    let notes = store.notes.lock().unwrap();
    assert_eq!(notes.len(), 56);
    assert!(
        notes.iter().any(|note| note.ids == ["o-1"])
            && notes.iter().any(|note| note.ids.contains(&"o-2".to_owned()))
    );
    for note in notes.iter() {
        let text = format!("{note:?}");
        for secret in secrets {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
