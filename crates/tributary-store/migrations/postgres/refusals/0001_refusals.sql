-- Notes about refused requests, for whoever misses something. They hold no personal data and no secrets, and are thrown away by count
-- and age. Nothing is derived from them.
CREATE TABLE refusal (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at BIGINT NOT NULL,
    way TEXT NOT NULL,
    brand TEXT,
    source TEXT,
    proven BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    field TEXT,
    -- A JSON list of [canonical name, value or null].
    fields TEXT NOT NULL,
    other_fields BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);

CREATE INDEX refusal_received ON refusal (received_at);

-- The ids by which a refused event is looked for.
CREATE TABLE refusal_id (
    value TEXT NOT NULL,
    number BIGINT NOT NULL REFERENCES refusal (number) ON DELETE CASCADE,
    PRIMARY KEY (value, number)
);

CREATE INDEX refusal_id_number ON refusal_id (number);
