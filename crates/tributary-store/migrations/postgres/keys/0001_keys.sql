-- Keys, each wrapped under the master key. A destroyed key leaves its row without `wrapped`, so that the difference between
-- "destroyed" and "never existed" stays known and a generation is never used twice.
CREATE TABLE sealing_key (
    name BYTEA NOT NULL,
    generation INTEGER NOT NULL,
    wrapped BYTEA,
    created_at BIGINT NOT NULL,
    destroyed_at BIGINT,
    PRIMARY KEY (name, generation),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- Every process looks here each second to forget keys that another one destroyed.
CREATE INDEX sealing_key_destroyed ON sealing_key (destroyed_at) WHERE destroyed_at IS NOT NULL;
