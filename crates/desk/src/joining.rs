//! From a link, or what another device of this user shows, to a running call.

use standfast_client::call::Call;
use standfast_client::pairing::DeviceInvite;
use standfast_client::profile::{As, Attendance, Profile};
use standfast_crypto::{Link, LinkError, PairingCode};
use standfast_ipc::{DeviceLink, ErrorCode, JoinTarget, LinkPreview, Reply, TypedCode};
use standfast_meeting::Admission;

use crate::call::Running;
use crate::desk::State;
use crate::errors::{Outcome, refuse};
use crate::prints::parse_hex;
use crate::sound;
use crate::work::{Done, profile_error, start_error};

impl State {
    /// What a link says; nothing is done with it.
    pub(crate) fn read_link(&mut self, text: &str) -> Outcome<Reply> {
        let preview = if DeviceInvite::looks_like(text) {
            let invite = DeviceInvite::parse(text).map_err(|err| link_error(text, err))?;
            let device =
                DeviceLink { from: self.prints.view(invite.old), with_code: invite.code.is_some() };
            let preview = self.book.preview(&invite.link, &mut self.prints);
            LinkPreview { link: text.trim().to_owned(), device: Some(device), ..preview }
        } else {
            let link = Link::parse(text).map_err(|err| link_error(text, err))?;
            self.book.preview(&link, &mut self.prints)
        };
        Ok(Reply::Link { preview: Box::new(preview) })
    }

    /// Starts a call on a thread that may wait for the keychain.
    pub(crate) fn join(
        &mut self,
        target: JoinTarget,
        muted: bool,
        code: Option<&TypedCode>,
    ) -> Outcome<()> {
        let profile = self.profile()?;
        if self.display_name.is_empty() {
            return refuse(ErrorCode::NameInvalid);
        }
        if self.running.as_mut().is_some_and(|running| !running.out()) {
            return refuse(ErrorCode::AlreadyInMeeting);
        }
        let (link, part) = self.target(&profile, target, code)?;
        let (passphrase, with_passphrase, proving) = self.passphrase_for(&link)?;
        self.opened_link = None;
        if link.relay_cert.is_some() && link.organizer == profile.identity.fingerprint() {
            self.own_relay()?; // a standup that this computer hosts
        }
        self.sound.test(&self.prefs, false)?;
        self.set_aside();
        let title = self.book.title_of(&link.meeting_id);
        let mut running = Running::starting(link.meeting_id, link.organizer, title, link.to_text());
        running.as_new_device = matches!(part, As::NewDevice { .. });
        (running.with_passphrase, running.proving) = (with_passphrase, proving);
        self.running = Some(running);
        let attendance = Attendance {
            part,
            name: self.display_name.clone(),
            muted,
            voice: sound::voice(&self.prefs),
            token: None,
            admission: Admission::Lobby,
            passphrase,
        };
        self.worker.run("join", move || {
            let config = profile.call_config(&link, attendance).map_err(|err| profile_error(&err));
            let started =
                config.and_then(|config| Call::start(config).map_err(|err| start_error(&err)));
            Done::Call(Box::new(started))
        });
        Ok(())
    }

    fn target(
        &mut self,
        profile: &Profile,
        target: JoinTarget,
        code: Option<&TypedCode>,
    ) -> Outcome<(Link, As)> {
        let text = match target {
            JoinTarget::Standup { .. } if code.is_some() => {
                return refuse(ErrorCode::PairingLinkNeeded);
            }
            JoinTarget::Standup { id } => {
                let id = parse_hex(&id).ok_or(ErrorCode::BadRequest)?;
                let link = profile.link(&id).map_err(|err| profile_error(&err))?;
                return Ok((link.ok_or(ErrorCode::Gone)?, As::Person));
            }
            JoinTarget::Link { link } => link,
        };
        let (link, part) = read_target(&text, code)?;
        let title = self.book.name_of(link.organizer).unwrap_or_default();
        profile.remember(&link, &title).map_err(|err| profile_error(&err))?;
        self.reread();
        Ok((link, part))
    }
}

/// An ordinary link, or a device's with its pairing code inside or typed.
fn read_target(text: &str, typed: Option<&TypedCode>) -> Outcome<(Link, As)> {
    let broken = |err| link_error(text, err);
    if !DeviceInvite::looks_like(text) {
        let link = Link::parse(text).map_err(broken)?;
        return if typed.is_some() {
            refuse(ErrorCode::PairingLinkNeeded)
        } else {
            Ok((link, As::Person))
        };
    }
    let DeviceInvite { old, code, link } = DeviceInvite::parse(text).map_err(broken)?;
    let typed = typed.map(|typed| PairingCode::parse(typed.expose()));
    let code = match (code, typed) {
        (Some(code), None) | (None, Some(Ok(code))) => code,
        (None, None) => return refuse(ErrorCode::PairingCodeMissing),
        (_, Some(_)) => return refuse(ErrorCode::PairingCodeWrong),
    };
    Ok((link, As::NewDevice { old, code }))
}

fn link_error(text: &str, err: LinkError) -> ErrorCode {
    let ours = |scheme| text.trim().starts_with(scheme);
    match err {
        LinkError::Newer => ErrorCode::LinkNewer,
        LinkError::Incomplete if ours("standfast://") || DeviceInvite::looks_like(text) => {
            ErrorCode::LinkIncomplete
        }
        LinkError::Incomplete => ErrorCode::LinkForeign,
    }
}

#[cfg(test)]
mod tests {
    use standfast_client::entropy::OsEntropy;
    use standfast_crypto::Fingerprint;

    use super::*;

    fn code_of(outcome: Outcome<(Link, As)>) -> Option<ErrorCode> {
        outcome.err().map(|err| err.code)
    }

    #[test]
    fn a_pairing_code_comes_once_and_only_with_a_device_s_link() {
        let old = Fingerprint([7; 32]);
        let link = Link::create("relay.example", Fingerprint([1; 32]), None, &mut OsEntropy);
        let plain = link.to_text();
        let code = PairingCode::generate(&mut OsEntropy).text();
        let (full, bare) =
            (DeviceInvite::write(old, &code, &plain), DeviceInvite::write(old, "", &plain));
        let typed = TypedCode::new(code.to_lowercase());
        let as_device = |text: &str, typed| matches!(read_target(text, typed), Ok((_, As::NewDevice { old: o, .. })) if o == old);
        assert!(as_device(&full, None));
        assert!(as_device(&bare, Some(&typed)));
        assert!(matches!(read_target(&plain, None), Ok((_, As::Person))));
        let code = |text: &str, typed| code_of(read_target(text, typed));
        assert_eq!(code(&bare, None), Some(ErrorCode::PairingCodeMissing));
        let nonsense = TypedCode::new("7K3M".into());
        assert_eq!(code(&bare, Some(&nonsense)), Some(ErrorCode::PairingCodeWrong));
        assert_eq!(code(&plain, Some(&typed)), Some(ErrorCode::PairingLinkNeeded));
        assert_eq!(code(&full[..90], None), Some(ErrorCode::LinkIncomplete));
        assert_eq!(code("https://example.org", None), Some(ErrorCode::LinkForeign));
    }
}
