//! Passphrases of standups. Stretching one takes some tenths of a second and 64 MiB, so it happens
//! on a thread of its own, and the command is answered when it is done.

use std::sync::Arc;

use standfast_client::passphrase::{PassphraseMemory, WithPassphrase};
use standfast_client::profile::Profile;
use standfast_crypto::{Link, Passphrase, PassphraseKey};
use standfast_ipc::{Command, ErrorCode, Reply, StandupPassphrase, TypedPassphrase};

use crate::Answer;
use crate::desk::State;
use crate::errors::{Outcome, refuse, store};
use crate::prints::parse_hex;
use crate::work::{Done, profile_error};

/// A passphrase for the next call of one standup. It is kept once it has proved right.
pub(crate) struct Given {
    pub(crate) meeting_id: [u8; 16],
    /// `None`: join without.
    key: Option<Arc<PassphraseKey>>,
    remember: bool,
}

/// What a stretched passphrase is for.
enum Purpose {
    Create { title: String },
    Choose,
    Give,
}

/// A passphrase that was stretched, or why not.
pub(crate) struct Stretched {
    link: Link,
    purpose: Purpose,
    key: Result<PassphraseKey, ErrorCode>,
    remember: bool,
    answer: Answer,
}

impl State {
    /// Takes a command that brings a passphrase; its answer follows when that is stretched. Gives
    /// back every other one.
    pub(crate) fn stretch_first(
        &mut self,
        command: Command,
        answer: Answer,
    ) -> Option<(Command, Answer)> {
        let (prepared, typed) = match command {
            Command::CreateStandup { title, relay, passphrase: Some(typed) } => {
                let prepared = self.prepare_standup(&title, relay);
                (prepared.map(|(link, title)| (link, Purpose::Create { title })), typed)
            }
            Command::ChoosePassphrase { id, passphrase: Some(typed) } => {
                (self.own_standup(&id).map(|link| (link, Purpose::Choose)), typed)
            }
            Command::GivePassphrase { id, passphrase: Some(typed) } => {
                (self.standup(&id).map(|link| (link, Purpose::Give)), typed)
            }
            other => return Some((other, answer)),
        };
        let stretching =
            prepared.and_then(|(link, purpose)| self.stretch(link, purpose, typed, answer.clone()));
        if let Err(err) = stretching {
            let _ = answer.send(Err(err));
        }
        None
    }

    fn stretch(
        &self,
        link: Link,
        purpose: Purpose,
        typed: TypedPassphrase,
        answer: Answer,
    ) -> Outcome<()> {
        let passphrase =
            Passphrase::new(typed.text.expose()).map_err(|_| ErrorCode::PassphraseEmpty)?;
        let remember = typed.remember;
        self.worker.run("passphrase", move || {
            let key = passphrase.stretch(&link.meeting_id).map_err(|_| ErrorCode::Internal);
            Done::Stretched(Box::new(Stretched { link, purpose, key, remember, answer }))
        });
        Ok(())
    }

    /// The second half of a command that brought a passphrase.
    pub(crate) fn stretched(&mut self, stretched: Stretched) {
        let Stretched { link, purpose, key, remember, answer } = stretched;
        let outcome = key.map_err(Into::into).and_then(|key| match purpose {
            Purpose::Create { title } => self.create(&link, &title, Some((&key, remember))),
            Purpose::Choose => self.choose(&link, Some((&key, remember))),
            Purpose::Give => self.give(&link, Some(key), remember),
        });
        self.show();
        let _ = answer.send(outcome);
    }

    /// Commands about passphrases that bring none.
    pub(crate) fn without_passphrase(&mut self, command: Command) -> Outcome<Reply> {
        match command {
            Command::ChoosePassphrase { id, .. } => {
                let link = self.own_standup(&id)?;
                self.choose(&link, None)
            }
            Command::GivePassphrase { id, .. } => {
                let link = self.standup(&id)?;
                self.give(&link, None, false)
            }
            Command::ForgetPassphrase { id } => {
                let link = self.standup(&id)?;
                let profile = self.profile()?;
                profile.vault.store().forget_passphrase(&link.meeting_id).map_err(store)?;
                self.given = None;
                self.reread();
                Ok(Reply::Done)
            }
            _ => refuse(ErrorCode::BadRequest),
        }
    }

    /// A new standup, with its passphrase at once: there is no moment at which it has none.
    pub(crate) fn create(
        &mut self,
        link: &Link,
        title: &str,
        passphrase: Option<(&PassphraseKey, bool)>,
    ) -> Outcome<Reply> {
        let profile = self.profile()?;
        profile.remember(link, title).map_err(|err| profile_error(&err))?;
        if let Err(err) = keep(&profile, link, passphrase) {
            let _ = profile.vault.store().delete_meeting(&link.meeting_id);
            return Err(err);
        }
        self.reread();
        Ok(Reply::Standup { id: standfast_client::profile::hex(&link.meeting_id) })
    }

    fn choose(
        &mut self,
        link: &Link,
        passphrase: Option<(&PassphraseKey, bool)>,
    ) -> Outcome<Reply> {
        keep(&*self.profile()?, link, passphrase)?;
        self.given = None;
        self.reread();
        Ok(Reply::Done)
    }

    fn give(&mut self, link: &Link, key: Option<PassphraseKey>, remember: bool) -> Outcome<Reply> {
        let profile = self.profile()?;
        if let Some(key) = &key {
            profile.check_own_passphrase(link, key).map_err(|err| profile_error(&err))?;
        }
        let key = key.map(Arc::new);
        self.given = Some(Given { meeting_id: link.meeting_id, key, remember });
        Ok(Reply::Done)
    }

    /// With which passphrase a call of this standup starts, and whether that is one.
    pub(crate) fn passphrase_for(
        &mut self,
        link: &Link,
    ) -> Outcome<(WithPassphrase, bool, Option<Given>)> {
        let profile = self.profile()?;
        let memory =
            profile.passphrase_memory(&link.meeting_id).map_err(|err| profile_error(&err))?;
        let given = self.given.take().filter(|given| given.meeting_id == link.meeting_id);
        let with = match &given {
            Some(Given { key: Some(key), .. }) => WithPassphrase::Given(Arc::clone(key)),
            Some(Given { key: None, .. }) => WithPassphrase::Without,
            None => WithPassphrase::Remembered,
        };
        let one = match with {
            WithPassphrase::Given(_) => true,
            WithPassphrase::Remembered => memory == PassphraseMemory::Remembered,
            WithPassphrase::Without => false,
        };
        let mine = link.organizer == profile.identity.fingerprint();
        if mine && !one && memory != PassphraseMemory::None {
            return refuse(ErrorCode::PassphraseMissing);
        }
        Ok((with, one, given))
    }

    /// Keeps a passphrase that has let this device in.
    pub(crate) fn keep_proved(&mut self, given: &Given) {
        let Some(profile) = &self.profile else { return };
        let key = given.key.as_deref();
        if let Err(err) = profile.keep_passphrase(&given.meeting_id, key, given.remember) {
            tracing::warn!(%err, "the passphrase of this standup was not kept");
        }
        self.reread();
    }

    fn standup(&self, id: &str) -> Outcome<Link> {
        let id = parse_hex(id).ok_or(ErrorCode::BadRequest)?;
        let link = self.profile()?.link(&id).map_err(|err| profile_error(&err))?;
        link.ok_or_else(|| ErrorCode::Gone.into())
    }

    fn own_standup(&self, id: &str) -> Outcome<Link> {
        let link = self.standup(id)?;
        if link.organizer == self.profile()?.identity.fingerprint() {
            Ok(link)
        } else {
            refuse(ErrorCode::NotAllowed)
        }
    }
}

fn keep(profile: &Profile, link: &Link, passphrase: Option<(&PassphraseKey, bool)>) -> Outcome<()> {
    let (key, remember) = passphrase.map_or((None, false), |(key, remember)| (Some(key), remember));
    let kept = profile.keep_passphrase(&link.meeting_id, key, remember);
    kept.map_err(|err| profile_error(&err).into())
}

/// As the UI has it.
pub(crate) fn memory_view(memory: PassphraseMemory) -> StandupPassphrase {
    match memory {
        PassphraseMemory::None => StandupPassphrase::None,
        PassphraseMemory::Asked => StandupPassphrase::Asked,
        PassphraseMemory::Remembered => StandupPassphrase::Remembered,
    }
}
