-- Sealed: AES-256-GCM under a key derived from the identity seed, bound to table and row.
-- Tag: HMAC-SHA-256 of the real key, so that rows can be looked up without saying whose they are.

-- One row that only the identity which owns this database can open.
CREATE TABLE owner (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;

-- In clear: what the window needs before the keychain opens.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE private_settings (
    tag BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE contacts (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE devices (
    tag BLOB PRIMARY KEY,
    contact BLOB NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX devices_of_contact ON devices (contact);

CREATE TABLE meetings (
    tag BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    sealed_link BLOB NOT NULL
) STRICT;

CREATE TABLE journals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sealed_head BLOB NOT NULL,
    sealed_body BLOB NOT NULL
) STRICT;

CREATE TABLE marks (
    tag BLOB PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- Which named secrets lie in the keychain: names only, chosen random by the caller.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    made_ms INTEGER NOT NULL
) STRICT;
