-- Derived state and the set-up.
--
-- Everything here except `entity` and `configuration_revision` can be rebuilt from the log. Times are microseconds since 1970,
-- money is minor units, ids are 16 bytes in their order of time, names are the published texts. Keys compare byte by byte.
-- No foreign keys: the engine writes whole commits, and `tributary verify` proves the references.
--
-- What decides this layout is the cost of one event: each index is one more page to find and to write. So there is an index only where
-- a look-up of the engine or of a page needs it, and its key grows with time where that is possible.

-- Facts in the order of the log. `cluster` is the cluster at the time of writing: see `cluster_alias`.
CREATE TABLE fact (
    sequence    INTEGER PRIMARY KEY,
    event_id    BLOB    NOT NULL,
    cluster     INTEGER NOT NULL,
    is_action   INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    brand       TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    way         TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    body        BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX fact_event_id ON fact (event_id);
CREATE INDEX fact_cluster ON fact (cluster, is_action);
-- For `save_configuration`: which clusters must be settled again.
CREATE INDEX fact_action ON fact (occurred_at, cluster) WHERE is_action = 1;

-- Number of facts, so that a page need not count them.
CREATE TABLE fact_count (
    brand TEXT    NOT NULL,
    kind  TEXT    NOT NULL,
    facts INTEGER NOT NULL,
    PRIMARY KEY (brand, kind)
) STRICT, WITHOUT ROWID;

-- Identity nodes. `cluster` is the cluster at the time of writing: see `cluster_alias`.
CREATE TABLE identity_node (
    node    BLOB    NOT NULL PRIMARY KEY,
    cluster INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Clusters that became part of another. Facts and nodes keep the number they were written with and are never moved: a merge is
-- one row here. `target` is never itself a `source`, so that one look-up finds the cluster of today.
CREATE TABLE cluster_alias (
    source INTEGER NOT NULL PRIMARY KEY,
    target INTEGER NOT NULL
) STRICT;
CREATE INDEX cluster_alias_target ON cluster_alias (target);

-- Settled conversions, under the event that stands for each. `settled` is described in `src/wire/conversion.rs`; the other columns
-- repeat what is searched by. With a row id, because the rows are long: without one, all but a quarter of a page would spill into a page
-- of the row's own.
CREATE TABLE conversion (
    event_id       BLOB    NOT NULL PRIMARY KEY,
    cluster        INTEGER NOT NULL,
    brand          TEXT    NOT NULL,
    occurred_at    INTEGER NOT NULL,
    transaction_id TEXT,
    settled        TEXT    NOT NULL
) STRICT;
CREATE INDEX conversion_transaction_id ON conversion (transaction_id) WHERE transaction_id IS NOT NULL;

-- Shares of a conversion's value. `earner` is a partner key or `@channel`; `currency` is empty without a value.
CREATE TABLE credit (
    conversion   BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    earner       TEXT    NOT NULL,
    currency     TEXT    NOT NULL,
    weight       INTEGER NOT NULL,
    total_weight INTEGER NOT NULL,
    minor        INTEGER NOT NULL,
    PRIMARY KEY (conversion, position)
) STRICT, WITHOUT ROWID;

-- Commission lines.
CREATE TABLE commission (
    id           BLOB    NOT NULL PRIMARY KEY,
    conversion   BLOB    NOT NULL,
    cluster      INTEGER NOT NULL,
    brand        TEXT    NOT NULL,
    partner      TEXT    NOT NULL,
    plan         TEXT    NOT NULL,
    currency     TEXT    NOT NULL,
    granted      INTEGER NOT NULL,
    owed         INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    payable_from INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Payouts. `plan` is described in `src/wire/payout.rs` and never changes.
CREATE TABLE payout (
    id          TEXT    NOT NULL PRIMARY KEY,
    brand       TEXT    NOT NULL,
    run         TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    reference   TEXT,
    prepared_at INTEGER NOT NULL,
    stepped_at  INTEGER NOT NULL,
    plan        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payout_prepared_at ON payout (prepared_at, id);

-- The lines of every payout's plan, to find what is locked.
CREATE TABLE payout_line (
    commission BLOB    NOT NULL,
    payout     TEXT    NOT NULL,
    minor      INTEGER NOT NULL,
    PRIMARY KEY (commission, payout)
) STRICT, WITHOUT ROWID;

-- The ledger. `subject` is encoded as `src/state/subject.rs` says.
CREATE TABLE ledger_entry (
    brand    TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    debit    TEXT    NOT NULL,
    credit   TEXT    NOT NULL,
    currency TEXT    NOT NULL,
    minor    INTEGER NOT NULL CHECK (minor > 0),
    subject  BLOB    NOT NULL,
    cause    BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (brand, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_entry_subject ON ledger_entry (subject);

CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never changed');
END;
CREATE TRIGGER ledger_entry_is_never_removed BEFORE DELETE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never removed');
END;

-- Sums of the ledger: debits positive.
CREATE TABLE balance (
    brand    TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    currency TEXT    NOT NULL,
    minor    INTEGER NOT NULL,
    PRIMARY KEY (brand, account, currency)
) STRICT, WITHOUT ROWID;

-- Sums by hour. `campaign`, `earner` and `currency` are empty where there is none.
CREATE TABLE rollup (
    brand              TEXT    NOT NULL,
    hour               INTEGER NOT NULL,
    campaign           TEXT    NOT NULL,
    earner             TEXT    NOT NULL,
    currency           TEXT    NOT NULL,
    clicks             INTEGER NOT NULL,
    impressions        INTEGER NOT NULL,
    registrations_ppm  INTEGER NOT NULL,
    qualifications_ppm INTEGER NOT NULL,
    conversions_ppm    INTEGER NOT NULL,
    value              INTEGER NOT NULL,
    refunded           INTEGER NOT NULL,
    commission         INTEGER NOT NULL,
    PRIMARY KEY (brand, hour, campaign, earner, currency)
) STRICT, WITHOUT ROWID;

-- The last log record taken into account: one row.
CREATE TABLE checkpoint (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL
) STRICT;
INSERT INTO checkpoint (id, sequence) VALUES (1, 0);

-- Clusters of today that wait to be settled again.
CREATE TABLE resettle_queue (
    cluster INTEGER PRIMARY KEY
) STRICT;

-- The set-up: every version of every entity.
CREATE TABLE entity (
    kind           TEXT    NOT NULL,
    brand          TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    effective_from INTEGER NOT NULL,
    applied_at     INTEGER NOT NULL,
    body           BLOB    NOT NULL,
    PRIMARY KEY (kind, brand, key, effective_from)
) STRICT, WITHOUT ROWID;

-- Rises with every change of the set-up: one row.
CREATE TABLE configuration_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO configuration_revision (id, revision) VALUES (1, 0);
