//! What stays on this computer: the identity in the OS keychain, contacts and settings in SQLite.
