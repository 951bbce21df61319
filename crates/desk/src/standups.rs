//! What the profile knows: standups, contacts, meetings that are over. Held in memory and read anew
//! when something changed.

use standfast_client::passphrase::PassphraseMemory;
use standfast_client::profile::{Profile, hex};
use standfast_crypto::{Fingerprint, Link};
use standfast_ipc::{
    Contact, LinkPreview, RecentMeeting, RelayReach, Standup, StandupMember, Trust,
};
use standfast_meeting::{Known, Trust as KeyTrust, trust_of};
use standfast_vault::{
    Contact as StoredContact, JournalHead, JournalId, StoredMeeting, Trust as StoredTrust,
};
use zeroize::Zeroizing;

use crate::errors::{Outcome, store};
use crate::journals::kept;
use crate::passphrase::memory_view;
use crate::prints::Prints;
use crate::work::profile_error;

/// A standup with its link, which is a secret that its members share.
struct KnownStandup {
    meeting: StoredMeeting,
    link: Zeroizing<String>,
    passphrase: PassphraseMemory,
}

#[derive(Default)]
pub(crate) struct Book {
    meetings: Vec<KnownStandup>,
    contacts: Vec<StoredContact>,
    recent: Vec<RecentMeeting>,
    pub(crate) known: Vec<Known>,
}

impl Book {
    pub(crate) fn read(profile: &Profile, before: &Self) -> Outcome<Self> {
        let db = profile.vault.store();
        let mut meetings = Vec::new();
        for meeting in db.meetings().map_err(store)? {
            if let Ok(Some(link)) = profile.link(&meeting.meeting_id) {
                let passphrase = profile.passphrase_memory(&meeting.meeting_id);
                let passphrase = passphrase.map_err(|err| profile_error(&err))?;
                meetings.push(KnownStandup { meeting, link: link.to_text(), passphrase });
            }
        }
        meetings.sort_by(|a, b| {
            (b.meeting.last_met_ms, &a.meeting.title)
                .cmp(&(a.meeting.last_met_ms, &b.meeting.title))
        });
        let mut contacts = db.contacts().map_err(store)?;
        contacts.sort_by_key(|c| c.name.to_lowercase());
        let recent = db
            .journals()
            .map_err(store)?
            .into_iter()
            .map(|(id, head)| {
                // A journal does not change: those that were read before are not read again.
                let known = before.recent.iter().find(|r| r.id == id.0.to_string());
                known.cloned().unwrap_or_else(|| recent(profile, id, &head))
            })
            .collect();
        let known = profile.known().unwrap_or_default();
        Ok(Self { meetings, contacts, recent, known })
    }

    pub(crate) fn standups(&self, me: Fingerprint, present: &[Fingerprint]) -> Vec<Standup> {
        self.meetings.iter().map(|k| self.standup(k, me, present)).collect()
    }

    fn standup(&self, known: &KnownStandup, me: Fingerprint, present: &[Fingerprint]) -> Standup {
        let m = &known.meeting;
        let organizer = Fingerprint(m.organizer);
        Standup {
            id: hex(&m.meeting_id),
            title: m.title.clone(),
            link: known.link.to_string(),
            organizer: organizer == me,
            organizer_name: self.name_of(organizer),
            relay: m.relay.clone(),
            relay_reach: RelayReach::Unknown,
            next_at_ms: None,
            last_met_ms: m.last_met_ms,
            passphrase: memory_view(known.passphrase),
            members: m.members.iter().map(|fp| self.member(Fingerprint(*fp), present)).collect(),
        }
    }

    fn member(&self, fp: Fingerprint, present: &[Fingerprint]) -> StandupMember {
        StandupMember {
            name: self.name_of(fp).unwrap_or_default(),
            trust: self.trust(fp, ""),
            // Whether a bundle waits at the relay is known only when the meeting opens.
            key_waiting: true,
            present: present.contains(&fp),
        }
    }

    pub(crate) fn name_of(&self, fp: Fingerprint) -> Option<String> {
        self.known.iter().find(|k| k.fp == fp).map(|k| k.name.clone())
    }

    pub(crate) fn trust(&self, fp: Fingerprint, name: &str) -> Trust {
        view_trust(trust_of(&self.known, fp, name))
    }

    pub(crate) fn contacts(&self, prints: &mut Prints) -> Vec<Contact> {
        let mut all = Vec::new();
        for contact in &self.contacts {
            for device in &contact.devices {
                let fp = Fingerprint(device.fingerprint);
                all.push(Contact {
                    name: contact.name.clone(),
                    fingerprint: prints.view(fp),
                    trust: match device.trust {
                        StoredTrust::Verified { .. } => Trust::Verified,
                        StoredTrust::VouchedFor { .. } => Trust::NewDevice,
                        StoredTrust::NotVerified => Trust::NotVerified,
                    },
                    first_met_ms: Some(device.first_seen_ms),
                    verified_at_ms: self.verified_at(fp),
                });
            }
        }
        all
    }

    fn device(&self, fp: Fingerprint) -> Option<&standfast_vault::Device> {
        self.contacts.iter().flat_map(|c| &c.devices).find(|d| d.fingerprint == fp.0)
    }

    pub(crate) fn verified_at(&self, fp: Fingerprint) -> Option<u64> {
        match self.device(fp)?.trust {
            StoredTrust::Verified { at_ms } => Some(at_ms),
            _ => None,
        }
    }

    pub(crate) fn first_met(&self, fp: Fingerprint) -> Option<u64> {
        self.device(fp).map(|d| d.first_seen_ms)
    }

    pub(crate) fn volume(&self, fp: Fingerprint) -> u16 {
        self.device(fp).map_or(100, |d| d.volume_percent)
    }

    pub(crate) fn recent(&self) -> Vec<RecentMeeting> {
        self.recent.clone()
    }

    pub(crate) fn title_of(&self, meeting_id: &[u8; 16]) -> String {
        self.meetings
            .iter()
            .find(|k| k.meeting.meeting_id == *meeting_id)
            .map(|k| k.meeting.title.clone())
            .unwrap_or_default()
    }

    pub(crate) fn members_of(&self, meeting_id: &[u8; 16]) -> Vec<Fingerprint> {
        let meeting = self.meetings.iter().find(|k| k.meeting.meeting_id == *meeting_id);
        meeting
            .map(|k| k.meeting.members.iter().copied().map(Fingerprint).collect())
            .unwrap_or_default()
    }

    pub(crate) fn preview(&self, link: &Link, prints: &mut Prints) -> LinkPreview {
        let standup = self.meetings.iter().find(|k| k.meeting.meeting_id == link.meeting_id);
        LinkPreview {
            link: link.to_text().to_string(),
            relay: link.relay.clone(),
            organizer: prints.view(link.organizer),
            organizer_name: self.name_of(link.organizer),
            organizer_trust: self.trust(link.organizer, ""),
            standup: standup.map(|k| hex(&k.meeting.meeting_id)),
            device: None,
        }
    }
}

pub(crate) fn view_trust(trust: KeyTrust) -> Trust {
    match trust {
        KeyTrust::Verified => Trust::Verified,
        KeyTrust::NotVerified => Trust::NotVerified,
        KeyTrust::NewDevice => Trust::NewDevice,
        KeyTrust::KeyChanged => Trust::KeyChanged,
    }
}

/// A meeting that is over, as its journal tells it.
fn recent(profile: &Profile, id: JournalId, head: &JournalHead) -> RecentMeeting {
    let newest = kept(profile, id).timeline.into_iter().next();
    RecentMeeting {
        id: id.0.to_string(),
        title: head.title.clone(),
        started_at_ms: head.began_ms,
        length_ms: head.ended_ms.saturating_sub(head.began_ms),
        epochs: head.entries,
        confirmed: newest.is_some_and(|e| e.confirmed == e.members),
    }
}
