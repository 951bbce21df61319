//! What the UI may ask for. Intent only: never a key, never a state to copy.

use serde::{Deserialize, Serialize};

use crate::{
    DeviceChoice, JournalView, LinkPreview, Passphrase, Setting, TypedCode, TypedPassphrase,
};

/// What to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum JoinTarget {
    /// A standup of this profile.
    Standup {
        /// [`crate::Standup::id`].
        id: String,
    },
    /// A link, which becomes a standup of this profile.
    Link {
        /// The whole link, or the text that another device of this user shows.
        link: String,
    },
}

/// In which form a journal is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ExportForm {
    /// For programs, and for `standfast journal verify`.
    Json,
    /// For people.
    Markdown,
}

/// One intent of the user.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Command {
    /// Sets the display name.
    SetName {
        /// What the team calls this user.
        name: String,
    },
    /// The first run is finished.
    FinishFirstRun,
    /// Asks the keychain again.
    KeychainRetry,
    /// Stops asking the keychain.
    KeychainStop,
    /// Opens the identity file with its passphrase.
    PassphraseUnlock {
        /// As typed.
        passphrase: Passphrase,
    },
    /// Keeps the identity in a file under a passphrase, offered only when there is no keychain and
    /// never was an identity.
    PassphraseChoose {
        /// As typed, twice.
        passphrase: Passphrase,
    },
    /// Makes a new identity although there was one. The UI asked twice.
    StartAsNewPerson,
    /// Chooses the microphone.
    ChooseInput {
        /// Which one.
        device: DeviceChoice,
    },
    /// Chooses the speaker.
    ChooseOutput {
        /// Which one.
        device: DeviceChoice,
    },
    /// Starts or stops the microphone test.
    TestMicrophone {
        /// On or off.
        on: bool,
    },
    /// Plays a short tone on the chosen speaker.
    TestSpeaker,
    /// Creates a standup, with this profile as organizer. Answered by [`Reply::Standup`].
    CreateStandup {
        /// What the team calls it.
        title: String,
        /// The relay's address; without, this computer hosts, and "host here" is started.
        relay: Option<String>,
        /// Without, the link alone is enough.
        passphrase: Option<TypedPassphrase>,
    },
    /// Changes the passphrase of a standup that this profile organizes, from the next meeting on.
    ChoosePassphrase {
        /// [`crate::Standup::id`].
        id: String,
        /// Without, the link alone is enough.
        passphrase: Option<TypedPassphrase>,
    },
    /// With which passphrase to join the next time. It is kept only once it has proved right.
    GivePassphrase {
        /// [`crate::Standup::id`].
        id: String,
        /// Without, none is used, and one that was remembered is forgotten.
        passphrase: Option<TypedPassphrase>,
    },
    /// Forgets the passphrase of a standup: it is asked for from now on.
    ForgetPassphrase {
        /// [`crate::Standup::id`].
        id: String,
    },
    /// Forgets a standup on this computer.
    ForgetStandup {
        /// [`crate::Standup::id`].
        id: String,
    },
    /// Reads a link without acting on it. Answered by [`Reply::Link`].
    ReadLink {
        /// As pasted.
        link: String,
    },
    /// Drops the link that the system handed over.
    ForgetOpenedLink,
    /// Joins.
    Join {
        /// What to join.
        target: JoinTarget,
        /// With the microphone muted.
        muted: bool,
        /// The pairing code that another device of this user shows, unless the link holds it.
        #[cfg_attr(test, ts(optional))]
        code: Option<TypedCode>,
    },
    /// Lets somebody in. A host's.
    Admit {
        /// [`crate::LobbyEntry::id`].
        request: String,
    },
    /// Keeps somebody out. A host's.
    KeepOut {
        /// [`crate::LobbyEntry::id`].
        request: String,
    },
    /// Removes somebody: a new key is made without them. A host's; never the organizer.
    Remove {
        /// [`crate::MemberView::idx`].
        idx: u16,
    },
    /// Lets somebody who was removed ask again. The organizer's.
    Readmit {
        /// [`crate::Fingerprint::id`] of a [`crate::RemovedView`].
        fingerprint: String,
    },
    /// Makes somebody a deputy, who may open the meeting when the organizer is away, or takes that
    /// back. The organizer's.
    SetDeputy {
        /// [`crate::MemberView::idx`].
        idx: u16,
        /// Deputy.
        on: bool,
    },
    /// Opens the meeting without its organizer. A deputy's.
    OpenMeeting,
    /// Locks the meeting for keys that it has not seen, or unlocks it. A host's.
    SetLocked {
        /// Locked.
        locked: bool,
    },
    /// "I bring this bot": of a bot in the lobby that names this user.
    OwnBot {
        /// [`crate::LobbyEntry::id`].
        request: String,
    },
    /// "Not mine": of a bot in the lobby that names this user. A host keeps it out with that.
    DisownBot {
        /// [`crate::LobbyEntry::id`].
        request: String,
    },
    /// Looks after a bot when its owner leaves.
    LookAfterBot {
        /// [`crate::MemberView::idx`].
        idx: u16,
    },
    /// Gives a bot the key, or takes it. Giving is a host's, taking its owner's too.
    SetOnRecord {
        /// [`crate::MemberView::idx`].
        idx: u16,
        /// It holds the key.
        on: bool,
    },
    /// Shows a pairing code for another device of this user.
    OfferDevice,
    /// Takes the pairing code back. Also the answer "not mine" to a device that showed it.
    WithdrawDevice,
    /// "Yes, this is mine": vouches for the device that showed the code. It replaces this one.
    Vouch {
        /// [`crate::DeviceRequest::id`].
        request: String,
    },
    /// Mutes or unmutes this microphone.
    SetMuted {
        /// Muted.
        muted: bool,
    },
    /// The talk key goes down or up. What that means is a setting; outside of a meeting, nothing.
    TalkKey {
        /// Down.
        down: bool,
    },
    /// Leaves the meeting, at any phase of it. Whoever is next looks after the key.
    Leave,
    /// Ends the meeting for everyone.
    EndForAll,
    /// Closes the ended screen: the meeting leaves the view.
    DismissMeeting,
    /// Asks for a new key. A host's.
    RotateNow,
    /// Marks a fingerprint as verified: the user compared it.
    Verify {
        /// [`crate::Fingerprint::id`], as shown when it was compared.
        fingerprint: String,
    },
    /// Takes a verification back.
    Withdraw {
        /// [`crate::Fingerprint::id`].
        fingerprint: String,
    },
    /// Sets somebody's volume here, remembered for the key.
    SetVolume {
        /// [`crate::MemberView::idx`].
        idx: u16,
        /// Percent, 0 to 200.
        percent: u16,
    },
    /// Mutes somebody here only.
    SetMutedHere {
        /// [`crate::MemberView::idx`].
        idx: u16,
        /// Muted.
        muted: bool,
    },
    /// The split was read.
    SplitRead,
    /// Writes text to the clipboard. There is no command that reads it.
    CopyText {
        /// What to write: a link, a fingerprint, details for a helper.
        text: String,
    },
    /// Starts or stops the relay inside this app.
    HostHere {
        /// On or off.
        on: bool,
    },
    /// Changes one setting.
    Set {
        /// Which one, and to what.
        setting: Setting,
    },
    /// Reads a journal. Answered by [`Reply::Journal`].
    ReadJournal {
        /// [`crate::RecentMeeting::id`]; without, that of the meeting now.
        meeting: Option<String>,
    },
    /// Writes a journal to a file of the user's. Answered by [`Reply::Saved`].
    ExportJournal {
        /// [`crate::RecentMeeting::id`]; without, that of the meeting now.
        meeting: Option<String>,
        /// In which form.
        form: ExportForm,
    },
    /// Starts a run of the spoken code.
    StartSpokenCode,
    /// Quits.
    Quit,
}

/// The answer to a command that was done. What changed comes with the next snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Reply {
    /// Done.
    Done,
    /// A standup was created.
    Standup {
        /// [`crate::Standup::id`].
        id: String,
    },
    /// What a link says.
    Link {
        /// Its content.
        preview: Box<LinkPreview>,
    },
    /// What happened in a meeting.
    Journal {
        /// Every step.
        journal: JournalView,
    },
    /// Something was written to a file.
    Saved {
        /// Where.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_the_ui_writes_them() {
        let join: Command = serde_json::from_str(
            r#"{"kind":"join","target":{"kind":"link","link":"standfast://x"},"muted":true}"#,
        )
        .unwrap();
        assert!(matches!(
            join,
            Command::Join { target: JoinTarget::Link { .. }, muted: true, code: None }
        ));
    }

    #[test]
    fn an_unknown_command_is_refused() {
        assert!(serde_json::from_str::<Command>(r#"{"kind":"export_keys"}"#).is_err());
    }

    #[test]
    fn a_passphrase_in_a_command_is_never_printed() {
        let command: Command =
            serde_json::from_str(r#"{"kind":"passphrase_unlock","passphrase":"correct horse"}"#)
                .unwrap();
        assert!(!format!("{command:?}").contains("horse"));
        let command: Command = serde_json::from_str(
            r#"{"kind":"give_passphrase","id":"s1","passphrase":{"text":"correct horse","remember":true}}"#,
        )
        .unwrap();
        assert!(!format!("{command:?}").contains("horse"));
    }
}
