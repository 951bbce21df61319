//! The trace of one seed, for people.

use standfast_meeting::{Command, Counters, Input};
use standfast_wire::control::Entry;

use super::device::Shown;
use super::world::{World, short};

impl World<'_> {
    pub(crate) fn tell_input(&mut self, at: usize, input: &Input<'_>) {
        if !self.is_told() {
            return;
        }
        let got = match input {
            Input::Delivered { poster, envelope } => (self.truth.told(envelope), Some(*poster)),
            Input::PeerGone { poster } => (Some("PeerGone".to_owned()), Some(*poster)),
            Input::CaughtUp { .. } => (Some("CaughtUp".to_owned()), None),
            Input::BoardLost { .. } => (Some("BoardLost".to_owned()), None),
            _ => return,
        };
        self.say(|w| {
            let of = w.devices.iter().find(|d| Some(d.pseudonym.public()) == got.1);
            let of = of.map(|d| d.name.as_str()).unwrap_or_default();
            format!("{} gets {} of {of}", w.devices[at].name, got.0.unwrap_or_default())
        });
    }

    pub(crate) fn tell_refused(&mut self, at: usize, before: Counters) {
        let Some(process) = &self.devices[at].process else { return };
        let now = process.meeting.snapshot().counters;
        let causes = [
            ("malformed", now.malformed - before.malformed),
            ("not authentic", now.not_authentic - before.not_authentic),
            ("not allowed", now.not_allowed - before.not_allowed),
            ("stale", now.stale - before.stale),
            ("missing", now.missing - before.missing),
            ("inconsistent", now.inconsistent - before.inconsistent),
        ];
        for (cause, _) in causes.into_iter().filter(|(_, more)| *more > 0) {
            self.say(|w| format!("{} refuses it: {cause}", w.devices[at].name));
        }
    }

    pub(crate) fn tell_posted(&mut self, at: usize, envelope: &standfast_wire::relay::Envelope) {
        let told = self.truth.told(envelope).unwrap_or_default();
        let announced = self.truth.announce_of(envelope).map(|a| {
            let name = |fp: &[u8; 32]| {
                let device = self.devices.iter().find(|d| d.fp.0 == *fp);
                device.map(|d| d.name.clone()).unwrap_or_default()
            };
            let entry = |e: &Entry| format!("{}:{}", name(&e.fp), short(&e.join_h));
            let roster: Vec<_> = a.roster.iter().map(entry).collect();
            let merged = a.merged_h.map(|h| format!(" merges {}", self.truth.name(&h)));
            let (prev, merged) = (self.truth.name(&a.prev_h), merged.unwrap_or_default());
            format!(" {:?} after {prev}{merged} lists {}", a.reason, roster.join(" "))
        });
        let announced = announced.unwrap_or_default();
        self.say(|w| format!("{} posts {told}{announced}", w.devices[at].name));
    }

    pub(crate) fn tell_change(&mut self, at: usize, before: &Shown) {
        self.say(|w| {
            let shown = w.devices[at].shown().cloned().unwrap_or_default();
            let epoch = |e: Option<(_, u32)>| e.map(|(h, _)| w.truth.name(&h));
            let (active, coming) = (epoch(shown.active), epoch(shown.coming));
            let phase = shown.phase.map(|p| format!("{p:?}")).unwrap_or_default();
            let generator = if shown.generator { " (generator)" } else { "" };
            let changed = if before.phase == shown.phase { "" } else { " !" };
            format!(
                "{} shows {phase}{changed}{generator} active {} coming {} confirmed {}/{}",
                w.devices[at].name,
                active.unwrap_or_default(),
                coming.unwrap_or_default(),
                shown.confirmed,
                shown.members.len(),
            )
        });
    }
}

/// A command, for people.
pub(super) fn name_of(command: &Command) -> String {
    match command {
        Command::Admit(h) => format!("Admit {}", short(h)),
        Command::KeepOut(h) => format!("KeepOut {}", short(h)),
        other => format!("{other:?}"),
    }
}
