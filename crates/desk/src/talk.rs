//! What the talk key means: a pure decision over the microphone's state.

use standfast_ipc::TalkKey;
use standfast_meeting::Microphone;

/// The talk key of one meeting.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// It is held, and changed the microphone to this: muted or not.
    made: Option<bool>,
}

impl Talk {
    /// Whether to mute (`true`) or unmute now, if anything.
    pub(crate) fn key(
        &mut self,
        does: TalkKey,
        down: bool,
        microphone: Microphone,
    ) -> Option<bool> {
        if !down {
            let made = self.made.take()?;
            // Whoever muted or unmuted otherwise meanwhile is not overruled, and a microphone that
            // was closed for another reason is muted when it opens again.
            let still = (microphone == Microphone::Muted) == made;
            return (still || !made).then_some(!made);
        }
        let wish = match (does, microphone) {
            (TalkKey::HoldToTalk | TalkKey::Toggle, Microphone::Muted) => false,
            (TalkKey::HoldToMute | TalkKey::Toggle, Microphone::Open) => true,
            _ => return None,
        };
        // A key that repeats while it is held says nothing new.
        if self.made.is_some() {
            return None;
        }
        self.made = (does != TalkKey::Toggle).then_some(wish);
        Some(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(does: TalkKey, steps: &[(bool, Microphone)]) -> Vec<Option<bool>> {
        let mut talk = Talk::default();
        steps.iter().map(|(down, microphone)| talk.key(does, *down, *microphone)).collect()
    }

    const OPEN: Microphone = Microphone::Open;
    const MUTED: Microphone = Microphone::Muted;

    #[test]
    fn held_it_talks_and_released_it_mutes() {
        let steps = [(true, MUTED), (true, OPEN), (false, OPEN), (false, MUTED)];
        assert_eq!(run(TalkKey::HoldToTalk, &steps), [Some(false), None, Some(true), None]);
        assert_eq!(run(TalkKey::HoldToTalk, &[(true, OPEN), (false, OPEN)]), [None, None]);
    }

    #[test]
    fn held_it_mutes_and_released_it_talks() {
        assert_eq!(
            run(TalkKey::HoldToMute, &[(true, OPEN), (false, MUTED)]),
            [Some(true), Some(false)]
        );
        assert_eq!(run(TalkKey::HoldToMute, &[(true, MUTED), (false, MUTED)]), [None, None]);
    }

    #[test]
    fn toggled_it_stays() {
        let steps = [(true, MUTED), (false, OPEN), (true, OPEN), (false, MUTED)];
        assert_eq!(run(TalkKey::Toggle, &steps), [Some(false), None, Some(true), None]);
    }

    #[test]
    fn who_mutes_otherwise_meanwhile_stays_muted() {
        // Held to mute, unmuted by the button: released, it stays as the button left it.
        assert_eq!(run(TalkKey::HoldToMute, &[(true, OPEN), (false, OPEN)]), [Some(true), None]);
        // Held to talk: released, it is muted whatever else happened.
        let steps = [(true, MUTED), (false, Microphone::ClosedReconnecting)];
        assert_eq!(run(TalkKey::HoldToTalk, &steps), [Some(false), Some(true)]);
    }

    #[test]
    fn a_microphone_that_is_closed_is_not_opened() {
        for does in [TalkKey::HoldToTalk, TalkKey::HoldToMute, TalkKey::Toggle] {
            assert_eq!(run(does, &[(true, Microphone::ClosedNoHeartbeat)]), [None]);
        }
    }
}
