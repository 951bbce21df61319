//! The meeting's state machine: a sans-IO engine for roster, epochs and key agreement.
