-- Derived state and the set-up. The same tables and columns as in `migrations/sqlite/state/0001_state.sql`, which says what each is for;
-- here is what differs in PostgreSQL.
--
-- * Ids of 16 bytes are UUID: fixed length, compared byte by byte, readable in psql. Other bytes are BYTEA.
-- * Every text that is compared or sorted has the collation "C", so that order and equality are those of SQLite and of the domain.
-- * Tables whose rows change with every commit leave room in their pages, so that an update stays in its page and touches no index.

CREATE TABLE fact (
    sequence    BIGINT  NOT NULL PRIMARY KEY,
    event_id    UUID    NOT NULL,
    cluster     BIGINT  NOT NULL,
    is_action   BOOLEAN NOT NULL,
    occurred_at BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    brand       TEXT    COLLATE "C" NOT NULL,
    source      TEXT    COLLATE "C" NOT NULL,
    kind        TEXT    COLLATE "C" NOT NULL,
    way         TEXT    COLLATE "C" NOT NULL,
    outcome     TEXT    COLLATE "C" NOT NULL,
    body        BYTEA   NOT NULL
);
CREATE UNIQUE INDEX fact_event_id ON fact (event_id);
CREATE INDEX fact_cluster ON fact (cluster, is_action);
CREATE INDEX fact_action ON fact (occurred_at, cluster) WHERE is_action;

CREATE TABLE fact_count (
    brand TEXT   COLLATE "C" NOT NULL,
    kind  TEXT   COLLATE "C" NOT NULL,
    facts BIGINT NOT NULL,
    PRIMARY KEY (brand, kind)
) WITH (fillfactor = 50);

CREATE TABLE identity_node (
    node    UUID   NOT NULL PRIMARY KEY,
    cluster BIGINT NOT NULL
);

CREATE TABLE cluster_alias (
    source BIGINT NOT NULL PRIMARY KEY,
    target BIGINT NOT NULL
);
CREATE INDEX cluster_alias_target ON cluster_alias (target);

CREATE TABLE conversion (
    event_id       UUID   NOT NULL PRIMARY KEY,
    cluster        BIGINT NOT NULL,
    brand          TEXT   COLLATE "C" NOT NULL,
    occurred_at    BIGINT NOT NULL,
    transaction_id TEXT   COLLATE "C",
    settled        BYTEA  NOT NULL
);
CREATE INDEX conversion_transaction_id ON conversion (transaction_id) WHERE transaction_id IS NOT NULL;

CREATE TABLE credit (
    conversion   UUID    NOT NULL,
    position     INTEGER NOT NULL,
    earner       TEXT    COLLATE "C" NOT NULL,
    currency     TEXT    COLLATE "C" NOT NULL,
    weight       BIGINT  NOT NULL,
    total_weight BIGINT  NOT NULL,
    minor        BIGINT  NOT NULL,
    PRIMARY KEY (conversion, position)
);

CREATE TABLE commission (
    id           UUID   NOT NULL PRIMARY KEY,
    conversion   UUID   NOT NULL,
    cluster      BIGINT NOT NULL,
    brand        TEXT   COLLATE "C" NOT NULL,
    partner      TEXT   COLLATE "C" NOT NULL,
    plan         TEXT   COLLATE "C" NOT NULL,
    currency     TEXT   COLLATE "C" NOT NULL,
    granted      BIGINT NOT NULL,
    owed         BIGINT NOT NULL,
    state        TEXT   COLLATE "C" NOT NULL,
    reason       TEXT   COLLATE "C" NOT NULL,
    payable_from BIGINT NOT NULL
);

CREATE TABLE payout (
    id          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    brand       TEXT   COLLATE "C" NOT NULL,
    run         TEXT   COLLATE "C" NOT NULL,
    step        TEXT   COLLATE "C" NOT NULL,
    reference   TEXT   COLLATE "C",
    prepared_at BIGINT NOT NULL,
    stepped_at  BIGINT NOT NULL,
    plan        BYTEA  NOT NULL
);
CREATE INDEX payout_prepared_at ON payout (prepared_at, id);

CREATE TABLE payout_line (
    commission UUID   NOT NULL,
    payout     TEXT   COLLATE "C" NOT NULL,
    minor      BIGINT NOT NULL,
    PRIMARY KEY (commission, payout)
);

CREATE TABLE ledger_entry (
    brand    TEXT   COLLATE "C" NOT NULL,
    number   BIGINT NOT NULL,
    debit    TEXT   COLLATE "C" NOT NULL,
    credit   TEXT   COLLATE "C" NOT NULL,
    currency TEXT   COLLATE "C" NOT NULL,
    minor    BIGINT NOT NULL CHECK (minor > 0),
    subject  BYTEA  NOT NULL,
    cause    UUID   NOT NULL,
    hash     BYTEA  NOT NULL,
    PRIMARY KEY (brand, number)
);
CREATE INDEX ledger_entry_subject ON ledger_entry (subject);

CREATE FUNCTION ledger_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: an entry is never %', TG_ARGV[0];
END
$$;
CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_refuse('changed');
CREATE TRIGGER ledger_entry_is_never_removed BEFORE DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_refuse('removed');
CREATE TRIGGER ledger_entry_is_never_emptied BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_refuse('removed');

CREATE TABLE balance (
    brand    TEXT   COLLATE "C" NOT NULL,
    account  TEXT   COLLATE "C" NOT NULL,
    currency TEXT   COLLATE "C" NOT NULL,
    minor    BIGINT NOT NULL,
    PRIMARY KEY (brand, account, currency)
) WITH (fillfactor = 50);

CREATE TABLE rollup (
    brand              TEXT   COLLATE "C" NOT NULL,
    hour               BIGINT NOT NULL,
    campaign           TEXT   COLLATE "C" NOT NULL,
    earner             TEXT   COLLATE "C" NOT NULL,
    currency           TEXT   COLLATE "C" NOT NULL,
    clicks             BIGINT NOT NULL,
    impressions        BIGINT NOT NULL,
    registrations_ppm  BIGINT NOT NULL,
    qualifications_ppm BIGINT NOT NULL,
    conversions_ppm    BIGINT NOT NULL,
    value              BIGINT NOT NULL,
    refunded           BIGINT NOT NULL,
    commission         BIGINT NOT NULL,
    PRIMARY KEY (brand, hour, campaign, earner, currency)
) WITH (fillfactor = 50);

CREATE TABLE checkpoint (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    sequence BIGINT  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO checkpoint (id, sequence) VALUES (1, 0);

CREATE TABLE resettle_queue (
    cluster BIGINT PRIMARY KEY
);

CREATE TABLE entity (
    kind           TEXT   COLLATE "C" NOT NULL,
    brand          TEXT   COLLATE "C" NOT NULL,
    key            TEXT   COLLATE "C" NOT NULL,
    effective_from BIGINT NOT NULL,
    applied_at     BIGINT NOT NULL,
    body           BYTEA  NOT NULL,
    PRIMARY KEY (kind, brand, key, effective_from)
);

CREATE TABLE configuration_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision BIGINT  NOT NULL
);
INSERT INTO configuration_revision (id, revision) VALUES (1, 0);
