//! The whole view of the application: one value, replaced as a whole.

use serde::{Deserialize, Serialize};

use crate::{
    Contact, Devices, ErrorCode, Hint, IdentityView, LinkPreview, MeetingView, MicrophoneTest,
    RecentMeeting, Settings, Standup,
};

/// The relay inside this app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum HostHere {
    /// Not running.
    Off,
    /// Being started.
    Starting,
    /// Running.
    Running {
        /// Where others reach it, `host:port`.
        address: String,
        /// How many connections it has.
        connections: u32,
    },
    /// Could not be started.
    Failed {
        /// Why.
        code: ErrorCode,
    },
}

/// The relay that new standups use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RelayView {
    /// Its address; `None` when none is set and "host here" is the way.
    pub address: Option<String>,
}

/// Everything that the UI shows, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AppView {
    /// Grows with every change within one window's life.
    pub revision: u64,
    /// Version of the application.
    pub version: String,
    /// The profile, `default` unless named on the command line.
    pub profile: String,
    /// What the team calls this user; empty until chosen.
    pub display_name: String,
    /// The first run was finished.
    pub first_run_done: bool,
    /// This device's identity.
    pub identity: IdentityView,
    /// Sound devices.
    pub devices: Devices,
    /// The microphone test.
    pub microphone_test: MicrophoneTest,
    /// Settings.
    pub settings: Settings,
    /// Standups, the next one first.
    pub standups: Vec<Standup>,
    /// Contacts, by name.
    pub contacts: Vec<Contact>,
    /// Meetings that are over, newest first.
    pub recent: Vec<RecentMeeting>,
    /// The relay for new standups.
    pub relay: RelayView,
    /// The relay inside this app.
    pub host_here: HostHere,
    /// A link that the system handed over. It waits for the user; nothing joins by itself.
    pub opened_link: Option<LinkPreview>,
    /// Things to act on.
    pub hints: Vec<Hint>,
    /// The meeting.
    pub meeting: Option<MeetingView>,
}
