//! The bare loop on PostgreSQL: the rows that the product wrote, written again with one UNNEST statement per table and transaction
//! into a copy of its database as it was before.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls};

/// Conversions of one transaction.
const GROUP: usize = 500;

/// Tables that only grow, in the transactions that the product writes them in.
const TRANSACTIONS: [&[&str]; 3] = [
    &["fact_log", "deduplication"],
    &["sealing_key"],
    &["fact", "identity_node", "conversion", "credit", "commission", "ledger_entry"],
];
/// Each transaction of books also adds to the sums.
const SUMS: [&str; 2] = [
    "UPDATE balance SET minor = minor + 0",
    "UPDATE rollup SET value = value + 0 WHERE hour = (SELECT MAX(hour) FROM rollup)",
];

/// A value as PostgreSQL sends it, whatever its type.
#[derive(Debug, Clone)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// New rows of one table, column by column.
struct Rows {
    table: &'static str,
    insert: String,
    columns: Vec<Vec<Option<Raw>>>,
}

/// The product's database and its copy.
pub(crate) struct Databases {
    server: String,
    live: String,
    copy: String,
    /// The last place of each table when the copy was made.
    ends: Mutex<HashMap<&'static str, String>>,
}

impl Databases {
    /// Makes an empty database on the server.
    pub(crate) fn create(server: &str) -> anyhow::Result<Self> {
        let named = |name: &str| server.rsplit_once('/').map(|(place, _)| format!("{place}/{name}"));
        let databases = Self {
            server: server.to_owned(),
            live: named("bench_live").context("an address without a database")?,
            copy: named("bench_copy").context("an address without a database")?,
            ends: Mutex::default(),
        };
        databases.on_server(&["DROP DATABASE IF EXISTS bench_copy", "DROP DATABASE IF EXISTS bench_live"])?;
        databases.on_server(&["CREATE DATABASE bench_live"])?;
        Ok(databases)
    }

    /// The address of the product's database.
    pub(crate) fn live(&self) -> &str {
        &self.live
    }

    /// Copies the product's database; no server may run on it.
    pub(crate) fn copy(&self) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let client = connect(&self.live).await?;
            for table in TRANSACTIONS.iter().flat_map(|tables| tables.iter()) {
                let end = client
                    .query_one(&format!("SELECT COALESCE(MAX(ctid), '(0,0)')::text FROM {table}"), &[])
                    .await?;
                if let Ok(mut ends) = self.ends.lock() {
                    ends.insert(table, end.get(0));
                }
            }
            anyhow::Ok(())
        })?;
        // The connection above may take a moment to be gone.
        std::thread::sleep(std::time::Duration::from_millis(500));
        self.on_server(&["CHECKPOINT", "CREATE DATABASE bench_copy TEMPLATE bench_live", "CHECKPOINT"])
    }

    /// Writes into the copy what the product has written since, and answers conversions per second.
    pub(crate) fn measure(&self) -> anyhow::Result<f64> {
        let rate = runtime()?.block_on(async {
            let live = connect(&self.live).await?;
            let mut transactions = Vec::new();
            for tables in TRANSACTIONS {
                let mut rows = Vec::new();
                for table in tables {
                    rows.push(self.new_rows(&live, table).await?);
                }
                transactions.push(rows);
            }
            drop(live);
            let conversions = transactions.iter().flatten().find(|rows| rows.table == "conversion");
            let conversions = conversions.map_or(0, |rows| rows.columns[0].len());
            ensure!(conversions > 0, "the product wrote no conversion");
            write(connect(&self.copy).await?, &transactions, conversions).await
        })?;
        std::thread::sleep(std::time::Duration::from_millis(500));
        self.on_server(&["DROP DATABASE bench_copy"])?;
        Ok(rate)
    }

    async fn new_rows(&self, live: &Client, table: &'static str) -> anyhow::Result<Rows> {
        let end =
            self.ends.lock().ok().and_then(|ends| ends.get(table).cloned()).context("no copy was made")?;
        let select = format!("SELECT * FROM {table} WHERE ctid > '{end}'::tid");
        let statement = live.prepare(&select).await?;
        let types: Vec<&str> = statement.columns().iter().map(|column| column.type_().name()).collect();
        let places: Vec<String> =
            (1..).zip(&types).map(|(place, name)| format!("${place}::{name}[]")).collect();
        let insert = format!("INSERT INTO {table} SELECT * FROM UNNEST({})", places.join(", "));
        let mut columns: Vec<Vec<Option<Raw>>> = vec![Vec::new(); types.len()];
        for row in live.query(&statement, &[]).await? {
            for (place, column) in columns.iter_mut().enumerate() {
                column.push(row.try_get(place)?);
            }
        }
        Ok(Rows { table, insert, columns })
    }

    fn on_server(&self, statements: &[&str]) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let client = connect(&self.server).await?;
            for statement in statements {
                client.batch_execute(statement).await?;
            }
            Ok(())
        })
    }
}

async fn write(mut client: Client, transactions: &[Vec<Rows>], conversions: usize) -> anyhow::Result<f64> {
    let groups = conversions.div_ceil(GROUP);
    let mut statements = HashMap::new();
    for rows in transactions.iter().flatten() {
        statements.insert(rows.table, client.prepare(&rows.insert).await?);
    }
    let begun = Instant::now();
    for group in 0..groups {
        for tables in transactions {
            let transaction = client.transaction().await?;
            for rows in tables {
                let count = rows.columns[0].len();
                let part = count * group / groups..count * (group + 1) / groups;
                let columns: Vec<&[Option<Raw>]> =
                    rows.columns.iter().map(|column| &column[part.clone()]).collect();
                let parameters: Vec<&(dyn ToSql + Sync)> =
                    columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
                transaction.execute(&statements[rows.table], &parameters).await?;
            }
            if tables.iter().any(|rows| rows.table == "conversion") {
                for sum in SUMS {
                    transaction.batch_execute(sum).await?;
                }
            }
            transaction.commit().await?;
        }
    }
    Ok(conversions as f64 / begun.elapsed().as_secs_f64())
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}
