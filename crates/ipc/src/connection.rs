//! How well this device, or another, is connected.

use serde::{Deserialize, Serialize};

/// A connection in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Under 150 ms and 2 % loss.
    Good,
    /// In between.
    Fair,
    /// Over 300 ms or 5 % loss.
    Weak,
    /// None at the moment.
    Reconnecting,
}

/// A connection with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// In one word.
    pub quality: Quality,
    /// Round trip to the relay, if measured.
    pub rtt_ms: Option<u32>,
}
