//! A profile whose identity is open: who this device is, whom it knows, which standups it has.
//!
//! Joins the vault with the engine: what the one stores, the other is configured with. Everything
//! here may block as long as the keychain does; call it from a thread that may wait.

use std::sync::Arc;

use standfast_crypto::{
    Fingerprint, Identity, Link, PRIVATE_BUNDLE, PairingCode, PrivateBundle, Secret, on_wiped_stack,
};
use standfast_meeting::{Admission, Config, Hosts, Known, Opening, Part, Policy};
use standfast_vault::{Device, OpenVault, Opened, SecretError, StoreError, StoredMeeting, Trust};
use standfast_wire::codec::Text;
use standfast_wire::control::MAX_NAME;
use zeroize::Zeroizing;

use crate::call::{Call, CallConfig, CallEvent, shape};
use crate::clock;
use crate::passphrase::WithPassphrase;
use crate::transport::{BadRelayAddr, RelayAddr};
use crate::voice::VoiceConfig;

/// Longest life of an epoch unless the organizer chooses otherwise, ms.
pub const ROTATE_MS: u32 = 300_000;
/// A private prekey that opened nothing for so long is erased, ms: 96 h, a long weekend.
const PREKEY_MAX_MS: u64 = 96 * 3_600_000;

/// Identity and vault of one profile.
pub struct Profile {
    /// This device.
    pub identity: Arc<Identity>,
    /// What is stored.
    pub vault: OpenVault,
}

/// As what to take part.
pub enum As {
    /// A person's device. It opens the meeting if the link names it as the organizer.
    Person,
    /// A bot, brought by the device with this key, which has to say so.
    Bot {
        /// The owner.
        owner: Fingerprint,
    },
    /// Another device of the same user, for which the old one has to vouch.
    NewDevice {
        /// The device that showed the code.
        old: Fingerprint,
        /// The code.
        code: PairingCode,
    },
}

/// How to take part.
pub struct Attendance {
    /// As what.
    pub part: As,
    /// What the others call this user.
    pub name: String,
    /// Start muted.
    pub muted: bool,
    /// Sound.
    pub voice: VoiceConfig,
    /// The relay's token.
    pub token: Option<String>,
    /// Who comes in unasked, where this device decides.
    pub admission: Admission,
    /// The standup's passphrase.
    pub passphrase: WithPassphrase,
}

/// Why a profile could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keychain.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The link's relay is no address.
    #[error(transparent)]
    Relay(#[from] BadRelayAddr),
    /// The organizer's standup has a passphrase, and none was given or remembered.
    #[error("this standup has a passphrase")]
    PassphraseMissing,
    /// It is not the passphrase that the organizer chose for this standup.
    #[error("that is not the passphrase of this standup")]
    PassphraseOther,
}

impl Profile {
    /// Takes over what the vault opened.
    #[must_use]
    pub fn new(opened: Opened) -> Self {
        let Opened { seed, vault, .. } = opened;
        let identity = on_wiped_stack(|| Arc::new(Identity::from_seed(seed)));
        Self { identity, vault }
    }

    /// Pinned keys, for the engine.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn known(&self) -> Result<Vec<Known>, ProfileError> {
        let contacts = self.vault.store().contacts()?;
        let known = contacts.into_iter().flat_map(|contact| {
            let name = contact.name;
            contact.devices.into_iter().map(move |device| Known {
                fp: Fingerprint(device.fingerprint),
                name: name.clone(),
                verified: matches!(device.trust, Trust::Verified { .. }),
            })
        });
        Ok(known.collect())
    }

    /// Remembers a link as a standup; what is known of it already stays.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn remember(&self, link: &Link, title: &str) -> Result<(), ProfileError> {
        let store = self.vault.store();
        let known = store.meeting(&link.meeting_id)?;
        let (members, last_met_ms) =
            known.as_ref().map_or((Vec::new(), None), |k| (k.members.clone(), k.last_met_ms));
        let deputies = known.as_ref().and_then(|k| k.deputies.clone());
        let meeting = StoredMeeting {
            meeting_id: link.meeting_id,
            relay: link.relay.clone(),
            relay_cert: link.relay_cert,
            link_epoch: link.link_epoch,
            organizer: link.organizer.0,
            title: known.map_or_else(|| title.to_owned(), |k| k.title),
            members,
            schedule: None,
            last_met_ms,
            deputies,
        };
        Ok(store.put_meeting(&meeting, link.secret())?)
    }

    /// The link of a standup.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn link(&self, meeting_id: &[u8; 16]) -> Result<Option<Link>, ProfileError> {
        let store = self.vault.store();
        let (Some(m), Some(secret)) = (store.meeting(meeting_id)?, store.link_secret(meeting_id)?)
        else {
            return Ok(None);
        };
        let organizer = Fingerprint(m.organizer);
        Ok(Some(Link::restore(
            m.relay,
            m.meeting_id,
            m.link_epoch,
            organizer,
            m.relay_cert,
            secret,
        )))
    }

    /// Everything to start a call with. This device opens the meeting if the link names it as the
    /// organizer, with a wrap in advance for the standup's members.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn call_config(
        &self,
        link: &Link,
        attendance: Attendance,
    ) -> Result<CallConfig, ProfileError> {
        let relay = RelayAddr::parse(&link.relay, link.relay_cert)?;
        let stored = self.vault.store().meeting(&link.meeting_id)?;
        let opening = opening(stored.as_ref(), attendance.admission);
        let part = match attendance.part {
            As::Bot { owner } => Part::Bot { owner },
            As::NewDevice { old, code } => Part::NewDevice { old, code },
            As::Person if link.organizer == self.identity.fingerprint() => {
                let Opening { scheduled, policy } = opening.clone();
                Part::Organizer { scheduled, policy }
            }
            As::Person => Part::Member { prekeys: self.prekeys(&link.meeting_id)? },
        };
        let meeting = Config {
            identity: Arc::clone(&self.identity),
            meeting_id: link.meeting_id,
            organizer: link.organizer,
            link: self.link_keys(link, &attendance.passphrase)?,
            name: attendance.name,
            part,
            known: self.known()?,
            muted: attendance.muted,
            audio: shape(attendance.voice.profile),
        };
        let identity = Arc::clone(&self.identity);
        let bundles_seen = self.bundles_seen(&link.meeting_id, &opening.scheduled)?;
        Ok(CallConfig {
            relay,
            token: attendance.token,
            identity,
            meeting,
            opening,
            deputies: stored.and_then(|m| m.deputies),
            bundles_seen,
            voice: attendance.voice,
        })
    }

    /// The highest `seq` that was seen of the members' prekey bundles.
    fn bundles_seen(
        &self,
        meeting_id: &[u8; 16],
        members: &[Fingerprint],
    ) -> Result<Vec<(Fingerprint, u64)>, ProfileError> {
        let store = self.vault.store();
        let mut seen = Vec::new();
        for fp in members {
            seen.extend(store.mark(&bundle_mark(meeting_id, fp))?.map(|seq| (*fp, seq)));
        }
        Ok(seen)
    }

    /// Private prekeys for a meeting; those that are too old are erased on the way.
    fn prekeys(&self, meeting_id: &[u8; 16]) -> Result<Vec<PrivateBundle>, ProfileError> {
        let prefix = prekey_prefix(meeting_id);
        let mut prekeys = Vec::new();
        for entry in self.vault.secret_list()?.into_iter().filter(|e| e.name.starts_with(&prefix)) {
            if clock::wall_ms().saturating_sub(entry.made_ms) > PREKEY_MAX_MS {
                self.vault.delete_secret(&entry.name)?;
                continue;
            }
            match self.vault.secret(&entry.name) {
                Ok(stored) => prekeys.extend(read_prekey(&stored)),
                Err(SecretError::NotThere) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(prekeys)
    }

    /// Keeps what a call brings: prekeys in the keychain, people among the contacts, members in the
    /// organizer's standup.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn keep(
        &self,
        meeting_id: &[u8; 16],
        call: &Call,
        event: CallEvent,
    ) -> Result<(), ProfileError> {
        on_wiped_stack(|| self.keep_one(meeting_id, call, event))
    }

    fn keep_one(
        &self,
        meeting_id: &[u8; 16],
        call: &Call,
        event: CallEvent,
    ) -> Result<(), ProfileError> {
        match event {
            CallEvent::StorePrekey { bundle_id, private, slot, blob } => {
                let name = prekey_name(meeting_id, &bundle_id);
                self.vault.put_secret(&name, private.expose(), clock::wall_ms())?;
                call.upload(slot, blob);
                self.erase_prekeys_but(meeting_id, &name)?;
            }
            CallEvent::ErasePrekey { bundle_id } => {
                self.vault.delete_secret(&prekey_name(meeting_id, &bundle_id))?
            }
            CallEvent::KeepDeputies { signed } => {
                let store = self.vault.store();
                if let Some(meeting) = store.meeting(meeting_id)? {
                    store.update_meeting(&StoredMeeting { deputies: Some(signed), ..meeting })?;
                }
            }
            CallEvent::BundleSeen { fp, seq } => {
                // A mark holds 63 bits; nobody's clock counts so far.
                let seq = seq.min(i64::MAX.cast_unsigned());
                self.vault.store().raise_mark(&bundle_mark(meeting_id, &fp), seq)?;
            }
            CallEvent::Met { fp, name, bot } => {
                self.meet(meeting_id, fp, &name, bot)?;
                call.set_known(self.known()?);
            }
        }
        Ok(())
    }

    /// A newer bundle replaced the others at the relay: nobody can wrap for them any more.
    fn erase_prekeys_but(&self, meeting_id: &[u8; 16], newest: &str) -> Result<(), ProfileError> {
        let prefix = prekey_prefix(meeting_id);
        for old in self
            .vault
            .secret_list()?
            .into_iter()
            .filter(|e| e.name.starts_with(&prefix) && e.name != newest)
        {
            self.vault.delete_secret(&old.name)?;
        }
        Ok(())
    }

    /// Pins a key that is met for the first time under a name that is not taken. A changed key is
    /// never pinned by itself, and a bot is never expected: it is let in by hand each time.
    fn meet(
        &self,
        meeting_id: &[u8; 16],
        fp: Fingerprint,
        name: &str,
        bot: bool,
    ) -> Result<(), ProfileError> {
        let store = self.vault.store();
        let taken = standfast_meeting::trust_of(&self.known()?, fp, name)
            == standfast_meeting::Trust::KeyChanged;
        if store.contact_by_fingerprint(&fp.0)?.is_none() && !taken {
            store.add_contact(name, &Device::first_seen(fp.0, clock::wall_ms()))?;
        }
        let Some(mut meeting) = store.meeting(meeting_id)? else { return Ok(()) };
        meeting.last_met_ms = Some(clock::wall_ms());
        if !taken && !bot && !meeting.members.contains(&fp.0) {
            meeting.members.push(fp.0);
        }
        Ok(store.update_meeting(&meeting)?)
    }
}

/// How this device opens a standup, where it may: everyone whom it met there is scheduled.
fn opening(meeting: Option<&StoredMeeting>, admission: Admission) -> Opening {
    let members = meeting.map(|m| m.members.clone()).unwrap_or_default();
    let policy = Policy { admission, hosts: Hosts::Scheduled, rotate_ms: ROTATE_MS };
    Opening { scheduled: members.into_iter().map(Fingerprint).collect(), policy }
}

fn read_prekey(stored: &Zeroizing<Vec<u8>>) -> Option<PrivateBundle> {
    let bytes: &[u8; PRIVATE_BUNDLE] = stored.as_slice().try_into().ok()?;
    Some(PrivateBundle::from_secret(&Secret::from_fn(|out| out.copy_from_slice(bytes))))
}

/// Names in the keychain say which meeting only by a hash.
fn prekey_prefix(meeting_id: &[u8; 16]) -> String {
    format!("prekey.{}.", hex(&standfast_crypto::hash("SF1/prekey-name", meeting_id)[..8]))
}

fn prekey_name(meeting_id: &[u8; 16], bundle_id: &[u8; 16]) -> String {
    format!("{}{}", prekey_prefix(meeting_id), hex(&bundle_id[..8]))
}

fn bundle_mark(meeting_id: &[u8; 16], fp: &Fingerprint) -> String {
    format!("bundle.{}.{}", hex(meeting_id), hex(&fp.0))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A name or title as typed: without outer spaces, and what a join request can hold, so plain
/// characters in 1 to 64 bytes of UTF-8.
#[must_use]
pub fn display_name(typed: &str) -> Option<String> {
    let name = typed.trim();
    (!name.is_empty() && Text::<MAX_NAME>::new(name).is_ok()).then(|| name.to_owned())
}
