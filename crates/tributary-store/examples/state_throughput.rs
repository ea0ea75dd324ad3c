//! How fast the store takes what the engine writes: look-ups and commits in rows like the engine's, without its rules.
//!
//! `cargo run --release -p tributary-store --example state_throughput -- [TOUCHPOINTS] [CONVERSIONS] [BATCH] [FOLDER | postgres://..]`
//!
//! First stores the touchpoints (a fifth as many customers), then measures conversions: each looks up its event and three nodes, loads its
//! cluster, and commits a fact, two nodes, a conversion with its credits (one to three), lines and entries, balances and rollups.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tributary_domain::attribution::models::Model;
use tributary_domain::attribution::{Earner, TouchKind};
use tributary_domain::fact::{Action, EventKind, Fact, FactBody, Subject, Touch, Verdict};
use tributary_domain::identity::NodeKey;
use tributary_domain::ids::{
    BrandKey, CampaignKey, CommissionId, DeduplicationKey, EventId, Goal, LinkKey, PartnerKey, PlanKey,
    SourceKey, SubjectHash, TransactionId, fingerprint,
};
use tributary_domain::ledger::{Account, CommissionState, Entry, Transfer, chain_hash};
use tributary_domain::money::{Currency, Money};
use tributary_domain::reason::Reason;
use tributary_domain::settlement::{Commission, Conversion, Credit};
use tributary_domain::time::Timestamp;
use tributary_domain::tracking::Tracking;
use tributary_store::log::{Sequence, Way};
use tributary_store::state::postgres::PostgresStateWriter;
use tributary_store::state::sqlite::SqliteStateWriter;
use tributary_store::state::{
    ClusterId, Commit, ConversionChange, RollupKey, RollupMeasures, StateWriter, StoredFact,
};

type Failure = Box<dyn Error>;

/// 2026-01-15T10:00:00Z.
const START: i64 = 1_768_471_200_000_000;
const PARTNERS: u64 = 500;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, otherwise: u64| -> Result<u64, Failure> {
        Ok(arguments.get(place).map(|text| text.parse()).transpose()?.unwrap_or(otherwise))
    };
    let (touchpoints, conversions, batch) = (number(0, 500_000)?, number(1, 100_000)?, number(2, 500)?);
    let place = arguments.get(3).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = place.join(format!("state_throughput_{}.sqlite", std::process::id()));
    let writer: Box<dyn StateWriter> = match place.to_str().filter(|place| place.starts_with("postgres")) {
        Some(url) => Box::new(PostgresStateWriter::open(url)?),
        None => Box::new(SqliteStateWriter::open(&path)?),
    };
    let mut world = World::new(writer, (touchpoints / 5).max(1))?;

    let begun = Instant::now();
    while world.next <= touchpoints {
        world.clicks(5_000.min(touchpoints + 1 - world.next))?;
    }
    report("touchpoints", touchpoints, begun.elapsed());
    if let Ok(file) = std::fs::metadata(&path) {
        println!("{} bytes per touchpoint", file.len() / touchpoints.max(1));
    }

    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    for _ in 0..conversions.div_ceil(batch) {
        let one = Instant::now();
        world.conversions(batch)?;
        slowest = slowest.max(one.elapsed());
    }
    report("conversions", conversions.div_ceil(batch) * batch, begun.elapsed());
    report("  looking up", conversions, world.looking_up);
    report("  committing", conversions, world.committing);
    println!("slowest batch of {batch}: {} ms", slowest.as_millis());
    drop(world);
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    Ok(())
}

fn report(what: &str, count: u64, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("{what}: {count} in {:.2} s, {rate:.0}/s, {:.1} us each", took.as_secs_f64(), 1e6 / rate);
}

/// The little that stands for the engine.
struct World {
    writer: Box<dyn StateWriter>,
    keys: Keys,
    customers: u64,
    next: u64,
    random: u64,
    last_hash: [u8; 32],
    entries: u64,
    looking_up: Duration,
    committing: Duration,
}

struct Keys {
    brand: BrandKey,
    shop: SourceKey,
    web: SourceKey,
    goal: Goal,
    plan: PlanKey,
    euro: Currency,
    campaigns: Vec<CampaignKey>,
    partners: Vec<PartnerKey>,
    links: Vec<LinkKey>,
}

impl World {
    fn new(writer: Box<dyn StateWriter>, customers: u64) -> Result<Self, Failure> {
        let keys = Keys {
            brand: BrandKey::parse("acme")?,
            shop: SourceKey::parse("shop")?,
            web: SourceKey::parse("web")?,
            goal: Goal::parse("purchase")?,
            plan: PlanKey::parse("standard")?,
            euro: Currency::parse("EUR")?,
            campaigns: (0..20)
                .map(|n| CampaignKey::parse(&format!("campaign_{n}")))
                .collect::<Result<_, _>>()?,
            partners: (0..PARTNERS)
                .map(|n| PartnerKey::parse(&format!("partner_{n}")))
                .collect::<Result<_, _>>()?,
            links: (0..PARTNERS).map(|n| LinkKey::parse(&format!("link_{n}"))).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            writer,
            keys,
            customers,
            next: 1,
            random: 0x2545_f491_4f6c_dd1d,
            last_hash: [0; 32],
            entries: 0,
            looking_up: Duration::ZERO,
            committing: Duration::ZERO,
        })
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// One batch of clicks of known and unknown visitors.
    fn clicks(&mut self, count: u64) -> Result<(), Failure> {
        let facts: Vec<(u64, u64)> =
            (0..count).map(|place| (self.next + place, self.draw(self.customers))).collect();
        let visitors: Vec<NodeKey> = facts.iter().map(|(_, customer)| visitor_node(*customer)).collect();
        let mut clusters = self.writer.clusters_of_nodes(&visitors)?;
        let mut commit = self.commit(count);
        for (number, customer) in facts {
            let cluster = *clusters.entry(visitor_node(customer)).or_insert_with(|| {
                commit.nodes.push((visitor_node(customer), ClusterId(number)));
                ClusterId(number)
            });
            commit.nodes.push((click_node(number), cluster));
            commit.facts.push(self.keys.stored(number, cluster, self.keys.click(number, customer)));
        }
        self.next += count;
        Ok(self.writer.commit(&commit)?)
    }

    /// One batch of conversions, each of a customer who clicked.
    fn conversions(&mut self, count: u64) -> Result<(), Failure> {
        let facts: Vec<(u64, u64)> =
            (0..count).map(|place| (self.next + place, self.draw(self.customers))).collect();
        let begun = Instant::now();
        self.writer.known_events(&facts.iter().map(|(number, _)| event(*number)).collect::<Vec<_>>())?;
        let nodes: Vec<NodeKey> = facts
            .iter()
            .flat_map(|(n, c)| [visitor_node(*c), node(b"customer", *c), node(b"order", *n)])
            .collect();
        let mut known = self.writer.clusters_of_nodes(&nodes)?;
        let mut wanted: Vec<ClusterId> =
            facts.iter().filter_map(|(_, c)| known.get(&visitor_node(*c))).copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let loaded = self.writer.load_clusters(&wanted)?;
        self.looking_up += begun.elapsed();

        let mut commit = self.commit(count);
        let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
        let mut rollups: HashMap<RollupKey, RollupMeasures> = HashMap::new();
        for (number, customer) in facts {
            let cluster = *known.entry(visitor_node(customer)).or_insert(ClusterId(number));
            let person = node(b"customer", customer);
            if known.insert(person, cluster).is_none() {
                commit.nodes.push((person, cluster));
            }
            commit.nodes.push((node(b"order", number), cluster));
            commit.facts.push(self.keys.stored(number, cluster, self.keys.purchase(number, customer)));
            let touches = loaded.get(&cluster).map_or(1, |contents| contents.facts.len().clamp(1, 3));
            let first = self.draw(PARTNERS);
            let conversion = self.keys.settled(number, touches as u64, first);
            for line in &conversion.commissions {
                self.book(line, &conversion, &mut commit, &mut balances);
            }
            for credit in &conversion.credits {
                self.keys.add_up(credit, &conversion, &mut rollups);
            }
            commit.conversions.push(ConversionChange::Put { cluster, conversion: Box::new(conversion) });
        }
        let key = |account| (self.keys.brand.clone(), account, self.keys.euro);
        commit.balances = balances.into_iter().map(|(account, minor)| (key(account), minor)).collect();
        commit.rollups = rollups.into_iter().collect();
        self.next += count;
        let begun = Instant::now();
        self.writer.commit(&commit)?;
        self.committing += begun.elapsed();
        Ok(())
    }

    fn commit(&self, count: u64) -> Commit {
        let before = self.next - 1;
        Commit {
            expected_checkpoint: Sequence(before),
            checkpoint: Sequence(before + count),
            ..Commit::default()
        }
    }

    fn book(
        &mut self,
        line: &Commission,
        of: &Conversion,
        commit: &mut Commit,
        balances: &mut BTreeMap<Account, i64>,
    ) {
        let minor = line.owed;
        let transfer = Transfer {
            debit: Account::CommissionExpense,
            credit: Account::Approved(line.partner.clone()),
            minor,
        };
        *balances.entry(transfer.debit.clone()).or_insert(0) += minor;
        *balances.entry(transfer.credit.clone()).or_insert(0) -= minor;
        self.entries += 1;
        let (subject, amount) = (line.id.to_string(), line.granted);
        self.last_hash = chain_hash(&self.last_hash, self.entries, &transfer, amount, &subject, of.event_id);
        commit.entries.push(Entry {
            brand: of.brand.clone(),
            number: self.entries,
            transfer,
            amount,
            subject,
            cause: of.event_id,
            hash: self.last_hash,
        });
    }
}

impl Keys {
    fn stored(&self, number: u64, cluster: ClusterId, fact: Fact) -> StoredFact {
        let received_at = at(number);
        StoredFact {
            sequence: Sequence(number),
            cluster,
            way: Way::Webhook,
            received_at,
            outcome: Reason::Attributed,
            fact,
        }
    }

    fn click(&self, number: u64, customer: u64) -> Fact {
        let place = number as usize % self.links.len();
        Fact {
            event_id: event(number),
            brand: self.brand.clone(),
            source: self.web.clone(),
            occurred_at: at(number),
            subject: Subject { visitor: Some(hash(b"visitor", customer)), ..Subject::default() },
            body: FactBody::Click(Touch {
                link: Some(self.links[place].clone()),
                partner: Some(self.partners[place].clone()),
                ..Touch::default()
            }),
        }
    }

    fn purchase(&self, number: u64, customer: u64) -> Fact {
        Fact {
            source: self.shop.clone(),
            subject: Subject { customer: Some(hash(b"customer", customer)), ..Subject::default() },
            body: FactBody::Conversion(Action {
                goal: self.goal.clone(),
                transaction: order(number),
                value: Some(Money::new(10_000, self.euro)),
                status: Some(Verdict::Approved),
                campaign: None,
                promo_code: None,
                named_partner: None,
                cart_opened_at: None,
                tracking: Tracking::default(),
            }),
            ..self.click(number, customer)
        }
    }

    fn settled(&self, number: u64, touches: u64, first: u64) -> Conversion {
        let places: Vec<usize> =
            (0..touches).map(|touch| ((first + 7 * touch) % PARTNERS) as usize).collect();
        let campaign = &self.campaigns[number as usize % self.campaigns.len()];
        let credit = |place: &usize| Credit {
            touchpoint: event(number.saturating_sub(*place as u64 + 1)),
            kind: TouchKind::Click,
            earner: Earner::Partner(self.partners[*place].clone()),
            campaign: Some(campaign.clone()),
            link: Some(self.links[*place].clone()),
            weight: 1,
            total_weight: touches,
            minor: 10_000 / touches as i64,
        };
        let line = |place: &usize| Commission {
            id: CommissionId::derive(
                event(number),
                at(number),
                &self.partners[*place],
                &self.plan,
                self.euro,
            ),
            partner: self.partners[*place].clone(),
            plan: self.plan.clone(),
            granted: Money::new(1_000 / touches as i64, self.euro),
            owed: 1_000 / touches as i64,
            state: CommissionState::Approved,
            reason: Reason::InHoldPeriod,
            payable_from: Timestamp(at(number).0 + 2_592_000_000_000),
        };
        Conversion {
            event_id: event(number),
            kind: EventKind::Conversion,
            brand: self.brand.clone(),
            occurred_at: at(number),
            goal: self.goal.clone(),
            transaction: order(number),
            person: Some(event(number)),
            campaign: Some(campaign.clone()),
            model: Some(Model::Linear),
            value: Some(Money::new(10_000, self.euro)),
            refunded: 0,
            verdict: Verdict::Approved,
            reason: Reason::Attributed,
            considered: Vec::new(),
            credits: places.iter().map(credit).collect(),
            commissions: places.iter().map(line).collect(),
        }
    }

    fn add_up(&self, credit: &Credit, of: &Conversion, rollups: &mut HashMap<RollupKey, RollupMeasures>) {
        let Earner::Partner(partner) = &credit.earner else { return };
        let key = RollupKey {
            brand: self.brand.clone(),
            hour: of.occurred_at.hour(),
            campaign: credit.campaign.as_ref().map_or_else(String::new, ToString::to_string),
            earner: partner.to_string(),
            currency: self.euro.to_string(),
        };
        let measures = rollups.entry(key).or_default();
        measures.conversions_ppm += 1_000_000 / of.credits.len() as i64;
        measures.value += credit.minor;
    }
}

/// Ten events in a second.
fn at(number: u64) -> Timestamp {
    Timestamp(START + number as i64 * 100_000)
}

fn event(number: u64) -> EventId {
    EventId::derive(at(number), &DeduplicationKey(fingerprint(&[&number.to_be_bytes()])))
}

fn hash(kind: &[u8], number: u64) -> SubjectHash {
    SubjectHash(fingerprint(&[kind, &number.to_be_bytes()]))
}

fn node(kind: &[u8], number: u64) -> NodeKey {
    NodeKey(fingerprint(&[b"node", kind, &number.to_be_bytes()]))
}

fn visitor_node(customer: u64) -> NodeKey {
    node(b"visitor", customer)
}

/// Like a node of one of our own click ids: its first bytes are its time.
fn click_node(number: u64) -> NodeKey {
    NodeKey(event(number).0)
}

fn order(number: u64) -> Option<TransactionId> {
    TransactionId::parse(&format!("order-{number:09}")).ok()
}
