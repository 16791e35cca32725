-- Several nodes on one store (specs/many-nodes.md): who may sequence, and what the others admitted.

ALTER TABLE elections ADD COLUMN holder TEXT;
ALTER TABLE elections ADD COLUMN lease_until_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE inbox (
    ticket INTEGER PRIMARY KEY,
    election INTEGER NOT NULL REFERENCES elections (number),
    hash BLOB NOT NULL,
    entry BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    -- Why it was refused and when; until then it waits.
    refusal TEXT,
    refused_ms INTEGER,
    UNIQUE (election, hash)
) STRICT;

CREATE INDEX waiting ON inbox (election, ticket) WHERE refusal IS NULL;

-- The newest checkpoint that a quorum of witnesses cosigned.
CREATE TABLE witnessed (
    election INTEGER PRIMARY KEY REFERENCES elections (number),
    tree_size INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
