-- From when on clicks and impressions wait to be counted again in `rollup`, because a change of the set-up says whose they are: at most
-- one row.
CREATE TABLE touch_recount (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL
) STRICT;
