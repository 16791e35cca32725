-- Logs. A position is (elections.number << 40) + index: one integer key, so that appending always writes at one place.

CREATE TABLE elections (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tree_size INTEGER NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE leaves (
    position INTEGER PRIMARY KEY,
    entry BLOB NOT NULL
) STRICT;

-- The hashes that the entry at this position completed, 32 bytes each, its own first.
CREATE TABLE hashes (
    position INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL
) STRICT;

-- (number << 40) + tree size.
CREATE TABLE checkpoints (
    position INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- SHA-256 of each entry.
CREATE TABLE entry_hashes (
    election INTEGER NOT NULL REFERENCES elections (number),
    hash BLOB NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (election, hash)
) STRICT, WITHOUT ROWID;

-- Confirmation codes of ballots.
CREATE TABLE codes (
    election INTEGER NOT NULL REFERENCES elections (number),
    code BLOB NOT NULL,
    leaf_index INTEGER NOT NULL,
    PRIMARY KEY (election, code)
) STRICT, WITHOUT ROWID;
