-- The dashboard's own things; nothing in them decides what a log says.
CREATE TABLE admin_account (
    name text COLLATE "C" PRIMARY KEY,
    role text NOT NULL,
    password text NOT NULL,
    totp_secret bytea NOT NULL,
    totp_step bigint NOT NULL DEFAULT 0,
    disabled boolean NOT NULL,
    created_ms bigint NOT NULL
);
CREATE TABLE admin_session (
    token bytea PRIMARY KEY,
    account text COLLATE "C" NOT NULL REFERENCES admin_account (name),
    csrf text NOT NULL,
    created_ms bigint NOT NULL,
    seen_ms bigint NOT NULL
);
CREATE INDEX admin_session_seen ON admin_session (seen_ms);
CREATE TABLE admin_activity (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_ms bigint NOT NULL,
    account text NOT NULL,
    action text NOT NULL,
    election text NOT NULL,
    detail text NOT NULL,
    address text NOT NULL
);
CREATE TABLE admin_document (
    kind text NOT NULL,
    key text COLLATE "C" NOT NULL,
    bytes bytea NOT NULL,
    time_ms bigint NOT NULL,
    PRIMARY KEY (kind, key)
);
