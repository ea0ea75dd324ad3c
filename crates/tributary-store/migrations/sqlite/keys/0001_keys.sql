-- Keys, each wrapped under the master key. A destroyed key leaves its row without `wrapped`, so that the difference between
-- "destroyed" and "never existed" stays known and a generation is never used twice.
CREATE TABLE sealing_key (
    name BLOB NOT NULL,
    generation INTEGER NOT NULL,
    wrapped BLOB,
    created_at INTEGER NOT NULL,
    destroyed_at INTEGER,
    PRIMARY KEY (name, generation),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) WITHOUT ROWID;

-- Every process looks here each second to forget keys that another one destroyed.
CREATE INDEX sealing_key_destroyed ON sealing_key (destroyed_at) WHERE destroyed_at IS NOT NULL;
