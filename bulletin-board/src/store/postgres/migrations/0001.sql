-- Logs, in any number of boards' common database. An election's row is what writers compete for.

CREATE TABLE elections (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    tree_size bigint NOT NULL CHECK (tree_size > 0),
    epoch bigint NOT NULL CHECK (epoch >= 0),
    -- Which node may sequence, and until when by this database's clock.
    holder text,
    lease_until timestamptz NOT NULL DEFAULT 'epoch'
);

-- Without a reference to elections: it would be looked up for each entry, and rows are written only by a transaction
-- that holds the election's.
CREATE TABLE entries (
    election bigint NOT NULL,
    leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
    entry bytea NOT NULL,
    -- SHA-256 of the entry.
    entry_hash bytea NOT NULL CHECK (length(entry_hash) = 32),
    -- The hashes that the entry completed in the tree, 32 bytes each, its own first.
    tree_hashes bytea NOT NULL CHECK (length(tree_hashes) >= 32 AND length(tree_hashes) % 32 = 0),
    -- A ballot's confirmation code.
    code bytea CHECK (length(code) = 32),
    PRIMARY KEY (election, leaf_index),
    UNIQUE (election, entry_hash)
);

CREATE UNIQUE INDEX entries_code ON entries (election, code) WHERE code IS NOT NULL;

-- Ciphertexts and hashes do not compress.
ALTER TABLE entries ALTER COLUMN entry SET STORAGE EXTERNAL;

CREATE TABLE checkpoints (
    election bigint NOT NULL REFERENCES elections (number),
    tree_size bigint NOT NULL CHECK (tree_size > 0),
    note text NOT NULL,
    PRIMARY KEY (election, tree_size)
);

-- What nodes admitted and whoever sequences has not taken yet; and for some minutes what it refused.
CREATE TABLE inbox (
    ticket bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    election bigint NOT NULL REFERENCES elections (number),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    entry bytea NOT NULL,
    received_ms bigint NOT NULL,
    -- Why it was refused, and when; until then it waits.
    refusal text,
    refused_at timestamptz,
    UNIQUE (election, hash)
);

ALTER TABLE inbox ALTER COLUMN entry SET STORAGE EXTERNAL;

CREATE INDEX inbox_waiting ON inbox (election, ticket) WHERE refusal IS NULL;
CREATE INDEX inbox_refused ON inbox (election, refused_at) WHERE refusal IS NOT NULL;

-- The newest checkpoint that a quorum of witnesses cosigned.
CREATE TABLE witnessed (
    election bigint PRIMARY KEY REFERENCES elections (number),
    tree_size bigint NOT NULL,
    note text NOT NULL
);
