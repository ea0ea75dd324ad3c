//! The bare loop on SQLite: the rows that the product wrote, written again by prepared statements into a copy of its files as they were
//! before. No decoding, no rules, no look-ups: what the storage alone costs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Conversions of one transaction.
const GROUP: usize = 500;

/// A table that only grows: its name, the order of writing, and how rows that the copy lacks are told.
struct Table {
    name: &'static str,
    order: &'static str,
    is_new: &'static str,
}

const LOG: [Table; 2] = [
    Table {
        name: "fact_log",
        order: "sequence",
        is_new: "sequence > (SELECT MAX(sequence) FROM copy.fact_log)",
    },
    Table {
        name: "deduplication",
        order: "sequence",
        is_new: "sequence > (SELECT MAX(sequence) FROM copy.fact_log)",
    },
];
const KEYS: [Table; 1] = [Table {
    name: "sealing_key",
    order: "created_at",
    is_new: "NOT EXISTS (SELECT 1 FROM copy.sealing_key c WHERE c.name = main.sealing_key.name)",
}];
const STATE: [Table; 6] = [
    Table { name: "fact", order: "sequence", is_new: "sequence > (SELECT MAX(sequence) FROM copy.fact)" },
    Table {
        name: "identity_node",
        order: "cluster",
        is_new: "NOT EXISTS (SELECT 1 FROM copy.identity_node c WHERE c.node = main.identity_node.node)",
    },
    Table {
        name: "conversion",
        order: "event_id",
        is_new: "NOT EXISTS (SELECT 1 FROM copy.conversion c WHERE c.event_id = main.conversion.event_id)",
    },
    Table {
        name: "credit",
        order: "conversion",
        is_new: "NOT EXISTS (SELECT 1 FROM copy.credit c WHERE c.conversion = main.credit.conversion)",
    },
    Table {
        name: "commission",
        order: "conversion",
        is_new: "NOT EXISTS (SELECT 1 FROM copy.commission c WHERE c.id = main.commission.id)",
    },
    Table {
        name: "ledger_entry",
        order: "number",
        is_new: "number > (SELECT MAX(number) FROM copy.ledger_entry)",
    },
];
/// Tables of sums; each transaction adds to every row of them once.
const SUMS: [(&str, &str); 2] = [
    ("balance", "UPDATE balance SET minor = minor + 0 WHERE brand = ?1 AND account = ?2 AND currency = ?3"),
    (
        "rollup",
        "UPDATE rollup SET value = value + 0 WHERE brand = ?1 AND hour = ?2 AND campaign = ?3 AND earner = ?4 AND currency = ?5",
    ),
];

/// One file's part of the loop.
struct Part {
    connection: Connection,
    statements: Vec<String>,
    rows: Vec<Vec<Vec<Value>>>,
    sums: Vec<(&'static str, Vec<Vec<Value>>)>,
}

/// Copies the files of a stopped server.
pub(crate) fn copy(data_dir: &Path, copy: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(copy)?;
    for name in ["log.sqlite", "keys.sqlite", "state.sqlite"] {
        let connection = Connection::open(data_dir.join(name))?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        drop(connection);
        std::fs::copy(data_dir.join(name), copy.join(name))?;
    }
    Ok(())
}

/// Writes into the copy what the product has written since, and answers conversions per second.
pub(crate) fn measure(data_dir: &Path, copy: &Path) -> anyhow::Result<f64> {
    let mut parts = [
        Part::read(data_dir, copy, "log.sqlite", "FULL", &LOG, false)?,
        Part::read(data_dir, copy, "keys.sqlite", "FULL", &KEYS, false)?,
        Part::read(data_dir, copy, "state.sqlite", "NORMAL", &STATE, true)?,
    ];
    let conversions = parts[2].rows[2].len();
    ensure!(conversions > 0, "the product wrote no conversion");
    let groups = conversions.div_ceil(GROUP);
    let begun = Instant::now();
    for group in 0..groups {
        for part in &mut parts {
            part.write(group, groups)?;
        }
    }
    let rate = conversions as f64 / begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(copy)?;
    Ok(rate)
}

impl Part {
    fn read(
        data_dir: &Path,
        copy: &Path,
        name: &str,
        synchronous: &str,
        tables: &[Table],
        sums: bool,
    ) -> anyhow::Result<Self> {
        let live = Connection::open(data_dir.join(name))?;
        live.execute("ATTACH ?1 AS copy", [copy.join(name).to_string_lossy()])?;
        let mut statements = Vec::new();
        let mut rows = Vec::new();
        for table in tables {
            let sql =
                format!("SELECT * FROM main.{} WHERE {} ORDER BY {}", table.name, table.is_new, table.order);
            let found = all(&live, &sql)?;
            let columns = found.first().with_context(|| format!("nothing new in {}", table.name))?.len();
            let places: Vec<String> = (1..=columns).map(|place| format!("?{place}")).collect();
            statements.push(format!("INSERT INTO {} VALUES ({})", table.name, places.join(", ")));
            rows.push(found);
        }
        let mut summed = Vec::new();
        if sums {
            let keys = all(&live, "SELECT brand, account, currency FROM copy.balance")?;
            summed.push((SUMS[0].1, keys));
            let hour = "SELECT brand, hour, campaign, earner, currency FROM copy.rollup WHERE hour = \
                (SELECT MAX(hour) FROM copy.rollup)";
            summed.push((SUMS[1].1, all(&live, hour)?));
        }
        drop(live);
        let connection = Connection::open(copy.join(name))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "cache_size", -64 * 1024)?;
        Ok(Self { connection, statements, rows, sums: summed })
    }

    /// Writes one group's share of every table in one transaction.
    fn write(&mut self, group: usize, groups: usize) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        for (sql, rows) in self.statements.iter().zip(&self.rows) {
            let mut statement = transaction.prepare_cached(sql)?;
            for row in &rows[rows.len() * group / groups..rows.len() * (group + 1) / groups] {
                statement.execute(params_from_iter(row))?;
            }
        }
        for (sql, rows) in &self.sums {
            let mut statement = transaction.prepare_cached(sql)?;
            for row in rows {
                statement.execute(params_from_iter(row))?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn all(connection: &Connection, sql: &str) -> anyhow::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|place| row.get(place)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}
