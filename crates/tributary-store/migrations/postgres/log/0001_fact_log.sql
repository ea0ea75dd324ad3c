-- The log of facts. Rows are added and never changed.
--
-- `way` is a number: 1 redirect, 2 postback, 3 webhook, 4 events, 5 clicks, 6 import, 7 command. Times are microseconds since 1970.
-- `key` and `content` are absent where the event's id was freshly made (redirected clicks): such an event has no second delivery.
-- `sequence` is given by the writer that holds the log's lock until its commit, so that sequences become visible in their order.
CREATE TABLE fact_log (
    sequence    BIGINT   NOT NULL PRIMARY KEY,
    event_id    BYTEA    NOT NULL,
    received_at BIGINT   NOT NULL,
    way         SMALLINT NOT NULL,
    key         BYTEA,
    content     BYTEA,
    fact        BYTEA    NOT NULL,
    sealed      BYTEA    NOT NULL
);
-- Event ids grow with time, so this index grows at its end.
CREATE INDEX fact_log_event_id ON fact_log (event_id);
-- Sealed bytes do not compress, and facts are read whole: trying costs time only.
ALTER TABLE fact_log ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Every deduplication key ever taken and the record that took it. Id and content of the first delivery are read from its record.
CREATE TABLE deduplication (
    key      BYTEA  NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);

-- Deliveries under a taken key with other content. The same wrong delivery again is not stored again, so that a sender who
-- repeats it for ever does not fill the disk.
CREATE TABLE log_conflict (
    number      BIGINT   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    BYTEA    NOT NULL,
    content     BYTEA    NOT NULL,
    received_at BIGINT   NOT NULL,
    way         SMALLINT NOT NULL,
    fact        BYTEA    NOT NULL,
    sealed      BYTEA    NOT NULL,
    UNIQUE (event_id, content)
);
