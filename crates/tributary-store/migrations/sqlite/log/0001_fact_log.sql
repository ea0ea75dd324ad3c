-- The log of facts. Rows are added and never changed.
--
-- `way` is a number: 1 redirect, 2 postback, 3 webhook, 4 events, 5 clicks, 6 import, 7 command. Times are microseconds since 1970.
-- `key` and `content` are absent where the event's id was freshly made (redirected clicks): such an event has no second delivery.
CREATE TABLE fact_log (
    sequence    INTEGER PRIMARY KEY,
    event_id    BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    way         INTEGER NOT NULL,
    key         BLOB,
    content     BLOB,
    fact        BLOB    NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
-- Event ids grow with time, so this index grows at its end.
CREATE INDEX fact_log_event_id ON fact_log (event_id);

-- Every deduplication key ever taken and the record that took it. Keys come in no order, so the row is as small as it can be; id and content
-- of the first delivery are read from its record, which only duplicates need.
CREATE TABLE deduplication (
    key      BLOB    NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Deliveries under a taken key with other content. The same wrong delivery again is not stored again, so that a sender who
-- repeats it for ever does not fill the disk.
CREATE TABLE log_conflict (
    number      INTEGER PRIMARY KEY,
    event_id    BLOB    NOT NULL,
    content     BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    way         INTEGER NOT NULL,
    fact        BLOB    NOT NULL,
    sealed      BLOB    NOT NULL,
    UNIQUE (event_id, content)
) STRICT;
