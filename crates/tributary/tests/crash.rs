//! `kill -9` at any moment: what was acknowledged is there exactly once, and the books prove themselves.
//!
//! `TRIBUTARY_TEST_CRASHES` raises the number of kills, `TRIBUTARY_TEST_SEED` moves their moments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its own set-up fails"
)]

mod harness;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::client::{Answer, Client};
use harness::sender::{click, events, purchase, signature, tell, webhook};
use harness::{Installation, seconds_ago, timestamp_ago};
use serde_json::{Value, json};
use tributary_domain::fact::FactBody;
use tributary_sim::random::Random;
use tributary_store::state::ConversionFilter;

/// Senders at work at the same time.
const SENDERS: u64 = 5;
/// People that they speak about: few enough to meet again, many enough to stay apart.
const PEOPLE: u64 = 400;
const BATCH: u64 = 12;

fn number_of(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// One sender, who outlives the server: what was not answered he sends again, as honest senders do.
struct Sender {
    number: u64,
    made: u64,
    random: Random,
    /// Sent and not answered.
    waiting: Option<Vec<Value>>,
    /// Event ids of what was answered with 202 or 200.
    acknowledged: Vec<String>,
    /// Click ids that browsers were sent on with.
    clicks: Vec<String>,
    /// Order numbers that were acknowledged.
    orders: Vec<String>,
}

impl Sender {
    fn new(seed: u64, number: u64) -> Self {
        let random = Random::of(seed, 1, number);
        let (waiting, acknowledged, clicks, orders) = (None, Vec::new(), Vec::new(), Vec::new());
        Self { number, made: 0, random, waiting, acknowledged, clicks, orders }
    }

    fn person(&mut self) -> String {
        format!("c-{}", self.random.below(PEOPLE))
    }

    fn order(&mut self) -> Value {
        self.made += 1;
        let person = self.person();
        let mut order =
            purchase(&format!("o-{}-{}", self.number, self.made), "10.00", &person, &timestamp_ago(1));
        order["promo_code"] = json!("ANNA10");
        order
    }

    fn event(&mut self) -> Value {
        if self.random.chance(600_000) {
            return self.order();
        }
        self.made += 1;
        let link = self.random.pick(&["anna-summer", "bert-summer", "cora-summer"]).copied().unwrap();
        let mut event = click(link, &self.person(), &timestamp_ago(2));
        event["event_id"] = json!(format!("k-{}-{}", self.number, self.made));
        event
    }

    /// Sends until the server is gone.
    fn work(&mut self, http: &Client) {
        while self.step(http).is_some() {}
    }

    /// Sends a request until it is answered with something else than 503; `None` when the connection broke.
    fn send(
        http: &Client,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        loop {
            let answer = http.try_send(method, path, headers, body).ok()?;
            if answer.status != 503 {
                return Some(answer);
            }
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `None` when the connection broke.
    fn step(&mut self, http: &Client) -> Option<()> {
        if self.number == 0 {
            let link = ["anna-summer", "bert-summer"][usize::from(self.random.chance(500_000))];
            let answer = Self::send(http, "GET", &format!("/c/{link}?sub1=x"), &[], b"")?;
            assert_eq!(answer.status, 302, "{answer:?}");
            let location = answer.header("location").unwrap();
            self.clicks.push(location.rsplit_once("click_id=").unwrap().1.to_owned());
            return Some(());
        }
        let batch = match self.waiting.take() {
            Some(batch) => batch,
            None if self.number.is_multiple_of(2) => vec![self.order()],
            None => (0..BATCH).map(|_| self.event()).collect(),
        };
        let answered = self.deliver(http, &batch);
        match answered {
            Some(ids) => {
                let orders = batch.iter().filter_map(|event| event["transaction_id"].as_str());
                self.orders.extend(orders.map(str::to_owned));
                self.acknowledged.extend(ids);
            }
            None => self.waiting = Some(batch),
        }
        self.waiting.is_none().then_some(())
    }

    fn deliver(&self, http: &Client, batch: &[Value]) -> Option<Vec<String>> {
        let [single] = batch else {
            let body = Value::from(batch.to_vec()).to_string();
            let headers = [("authorization", harness::sender::bearer("shop"))];
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = Self::send(http, "POST", "/v1/events?source=shop", &headers, body.as_bytes())?;
            assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            let body = answer.json();
            let outcomes = body["outcomes"].as_array().unwrap();
            assert_eq!(outcomes.len(), batch.len());
            return Some(
                outcomes.iter().map(|outcome| outcome["event_id"].as_str().unwrap().to_owned()).collect(),
            );
        };
        let body = single.to_string();
        let signed = [("x-webhook-signature", signature("shop", body.as_bytes()))];
        let headers: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = Self::send(http, "POST", "/webhooks/shop", &headers, body.as_bytes())?;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        Some(vec![answer.event_id()])
    }
}

/// Kills the server so often under load, then looks for everything that was acknowledged.
fn survives(installation: &Installation, kills: u64) {
    installation.apply(harness::SET_UP);
    let seed = number_of("TRIBUTARY_TEST_SEED", 20_260_115);
    let mut moments = Random::of(seed, 2, kills);
    let mut senders: Vec<Sender> = (0..SENDERS).map(|number| Sender::new(seed, number)).collect();
    for _ in 0..kills {
        let server = installation.serve();
        let http = server.http.clone();
        std::thread::scope(|scope| {
            for sender in &mut senders {
                let http = http.clone();
                scope.spawn(move || sender.work(&http));
            }
            std::thread::sleep(Duration::from_millis(moments.below(350)));
            server.kill();
        });
    }
    let mut server = installation.serve();
    for sender in &mut senders {
        // What was under way at the last kill is sent once more, like all before it.
        if sender.waiting.is_some() {
            sender.step(&server.http).expect("the server answers");
        }
    }
    server.settled();
    server.is_well();
    everything_is_there_once(installation, &senders);
    server.stop();
    installation.verify();
    installation.replay_equals();
}

fn everything_is_there_once(installation: &Installation, senders: &[Sender]) {
    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    let mut clicks: HashMap<String, u64> = HashMap::new();
    let mut orders: HashMap<String, u64> = HashMap::new();
    for fact in installation.facts() {
        *events.entry(fact.event_id.to_string()).or_default() += 1;
        if let (FactBody::Click(_), Some(id)) = (&fact.body, &fact.subject.click_id) {
            *clicks.entry(id.as_str().to_owned()).or_default() += 1;
        }
        if let Some(number) = fact.body.transaction() {
            *orders.entry(number.as_str().to_owned()).or_default() += 1;
        }
    }
    let acknowledged: Vec<&String> = senders.iter().flat_map(|sender| &sender.acknowledged).collect();
    let distinct: BTreeSet<&&String> = acknowledged.iter().collect();
    assert_eq!(distinct.len(), acknowledged.len(), "no two events were given one id");
    assert!(acknowledged.len() > 500, "only {} events were acknowledged", acknowledged.len());
    for id in &acknowledged {
        assert_eq!(events.get(*id), Some(&1), "event {id}");
    }
    let followed: Vec<&String> = senders.iter().flat_map(|sender| &sender.clicks).collect();
    assert!(followed.len() > 50, "only {} links were followed", followed.len());
    for id in &followed {
        assert_eq!(clicks.get(*id), Some(&1), "click {id}");
    }
    // In the derived state each order is one conversion, and pays once.
    let state = installation.storage().state_reader().unwrap();
    let conversions = state.conversions(&ConversionFilter::default(), None, 10_000_000).unwrap();
    let mut settled: HashMap<String, u64> = HashMap::new();
    for (_, conversion) in &conversions {
        let number = conversion.transaction.as_ref().unwrap().as_str().to_owned();
        *settled.entry(number).or_default() += 1;
        let owed: i64 = conversion.commissions.iter().map(|line| line.owed).sum();
        assert_eq!(owed, 100, "10% of 10.00");
    }
    for order in senders.iter().flat_map(|sender| &sender.orders) {
        assert_eq!((orders.get(order), settled.get(order)), (Some(&1), Some(&1)), "order {order}");
    }
    eprintln!("{} events, {} clicks acknowledged", acknowledged.len(), followed.len());
}

#[test]
fn d8_d9_nothing_acknowledged_is_lost_or_doubled_over_kill_9_on_sqlite() {
    survives(&Installation::embedded(), number_of("TRIBUTARY_TEST_CRASHES", 25));
}

#[test]
fn d8_d9_nothing_acknowledged_is_lost_or_doubled_over_kill_9_on_postgresql() {
    survives(&Installation::postgres(), number_of("TRIBUTARY_TEST_CRASHES", 25).div_ceil(4));
}

#[test]
fn nothing_acknowledged_is_lost_when_the_database_drops_every_connection_under_load() {
    let installation = Installation::postgres();
    installation.apply(harness::SET_UP);
    let mut server = installation.serve();
    let mut senders: Vec<Sender> = (0..SENDERS).map(|number| Sender::new(3, number)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in &mut senders {
            let (http, stop) = (server.http.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    sender.step(&http).expect("the server answers while its database does not");
                }
            });
        }
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(100));
            installation.drop_connections();
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.settled();
    server.is_well();
    everything_is_there_once(&installation, &senders);
    server.stop();
    installation.verify();
    installation.replay_equals();
}

#[test]
fn d10_an_event_is_on_disk_before_its_202() {
    let installation = Installation::set_up();
    let mut known = Vec::new();
    for round in 0..4 {
        let server = installation.serve();
        let order = purchase(&format!("o-{round}"), "10.00", "c-1", &timestamp_ago(1)).to_string();
        let answer = match round {
            0 => webhook(&server.http, "shop", &order),
            1 => events(&server.http, "shop", &order),
            2 => events(&server.http, "shop", format!("[{order}]")),
            _ => server.http.get(&format!("/c/anna-summer?visitor_id=v-{round}")),
        };
        server.kill();
        assert!(matches!(answer.status, 202 | 302), "{answer:?}");
        known.push(order);
    }
    assert_eq!(installation.facts().len(), 4);
    let server = installation.serve();
    for order in &known[..3] {
        assert_eq!(events(&server.http, "shop", order).status, 200, "told duplicate after the restart");
    }
}

#[test]
fn d7_a_failed_store_is_503_and_leaves_no_key_behind() {
    let installation = Installation::set_up();
    // Room for the databases as they are and some hundred events more.
    let server = installation.serve_on_full_disk(2_200);
    let filler = "x".repeat(3_000);
    let event = |number: u64| {
        json!({
            "event_type": "conversion", "transaction_id": format!("o-{number}"), "value": "1.00", "currency": "EUR",
            "timestamp": seconds_ago(5), "data": {"note": filler},
        })
        .to_string()
    };
    let (mut stored, mut failed) = (Vec::new(), Vec::new());
    for number in 0..2_000 {
        let answer = webhook(&server.http, "shop", event(number));
        match answer.status {
            202 => stored.push(number),
            503 => {
                assert_eq!(answer.reason(), "storage_unavailable");
                assert!(answer.header("retry-after").is_some());
                failed.push(number);
            }
            other => panic!("{other}: {answer:?}"),
        }
        if failed.len() >= 5 {
            break;
        }
    }
    assert!(stored.len() > 20 && failed.len() == 5, "{} stored, {} failed", stored.len(), failed.len());
    assert_eq!(server.http.get("/healthz").status, 200);
    // A visitor is not sent on without his click being stored.
    assert_eq!(server.http.get("/c/anna-summer").status, 503);
    server.kill();

    // On a disk with room the same requests are new, and nothing that was told 202 is missing.
    let server = installation.serve();
    for number in &failed {
        assert_eq!(webhook(&server.http, "shop", event(*number)).status, 202, "the retry of {number} counts");
    }
    for number in &stored {
        assert_eq!(webhook(&server.http, "shop", event(*number)).status, 200, "{number} was acknowledged");
    }
    assert_eq!(server.conversions("").len(), stored.len() + failed.len());
    installation.verify();
}

#[test]
fn an_accepted_import_goes_on_after_kill_9() {
    let installation = Installation::set_up();
    let server = installation.serve();
    let rows: Vec<Value> = (0..4_000)
        .map(|number| {
            purchase(&format!("o-{number}"), "1.00", &format!("c-{}", number % 50), &timestamp_ago(60))
        })
        .collect();
    let token = harness::sender::bearer("shop");
    let headers = [("authorization", token.as_str())];
    let ticket =
        server.http.post("/v1/imports?source=shop&filename=o.csv", &headers, harness::sender::as_csv(&rows));
    assert_eq!(ticket.status, 202, "{ticket:?}");
    let id = ticket.json()["id"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(100));
    server.kill();
    let mut server = installation.serve();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(60));
        server.kill();
        server = installation.serve();
    }
    loop {
        let status = server.http.send("GET", &format!("/v1/imports/{id}"), &headers, b"").json();
        match status["status"].as_str() {
            Some("running") => std::thread::sleep(Duration::from_millis(50)),
            Some("done") => break,
            _ => panic!("{status}"),
        }
    }
    let outcomes = server.http.send("GET", &format!("/v1/imports/{id}/rows"), &headers, b"").body;
    assert_eq!(outcomes.lines().count(), 1 + rows.len(), "one outcome per row");
    assert_eq!(server.settled(), 4_000);
    tell(&server.http, &purchase("o-after", "1.00", "c-1", &timestamp_ago(1)));
    installation.verify();
}
