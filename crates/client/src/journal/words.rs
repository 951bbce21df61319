//! A journal for people: Markdown with a table of the keys and one sentence a step.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use standfast_meeting::{
    Charge, EpochRecord, Event, Named, Out, Reason, Sign, SignedJournal, Spoke,
};
use standfast_wire::codec::is_plain;

use crate::profile::hex;

/// The journal as Markdown. It proves nothing; the JSON does.
#[must_use]
pub fn to_markdown(title: &str, journal: &SignedJournal) -> String {
    let names = Names::of(journal);
    let mut text = format!("# Journal of {}\n\n", plain(title));
    let by = journal.author().map_or_else(|| "an unknown device".into(), |fp| hex(&fp.0));
    let signed = time(journal.head.signed_ms);
    let _ = writeln!(text, "Written by the device `{by}`, signed {signed}. Times are UTC.\n");
    if journal.head.from > 0 {
        let _ = writeln!(text, "The first {} entries made room.\n", journal.head.from);
    }
    text.push_str("## Keys\n\n");
    text.push_str("| Epoch | Why | Made by | Confirmed | Made | In use | Retired | Erased |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for record in journal.records() {
        row(&mut text, &record, &names);
    }
    text.push_str("\n## Steps\n\n");
    for entry in journal.entries.as_slice() {
        let (n, at) = (entry.n, time(entry.wall_ms));
        let _ = writeln!(text, "{n}. {at} {}", sentence(&entry.event, &names));
    }
    text
}

fn row(text: &mut String, r: &EpochRecord, names: &Names) {
    let at = |ms: Option<u64>| ms.map_or_else(|| "–".into(), time);
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} of {} | {} | {} | {} | {} |",
        r.epoch,
        why(r.reason),
        names.get(&r.generator.0),
        r.confirmed,
        r.members,
        time(r.made_ms),
        at(r.in_use_ms),
        at(r.retired_ms),
        at(r.erased_ms),
    );
}

/// Names by key, as far as the journal tells them.
struct Names(BTreeMap<[u8; 32], String>);

impl Names {
    fn of(journal: &SignedJournal) -> Self {
        let mut names = Self(BTreeMap::new());
        for entry in journal.entries.as_slice() {
            match &entry.event {
                Event::JoinAsked { who, .. } => names.learn(who),
                Event::EpochAnnounced { who, .. } => {
                    who.as_slice().iter().for_each(|n| names.learn(n));
                }
                _ => {}
            }
        }
        names
    }

    fn learn(&mut self, named: &Named) {
        if !named.name.as_str().is_empty() {
            self.0.insert(named.fp, plain(named.name.as_str()));
        }
    }

    /// The name, with the beginning of the key: names prove nothing.
    fn get(&self, fp: &[u8; 32]) -> String {
        let key = hex(&fp[..4]);
        self.0.get(fp).map_or_else(|| format!("`{key}`"), |name| format!("{name} (`{key}`)"))
    }

    fn all(&self, people: &[Named]) -> String {
        people.iter().map(|n| self.get(&n.fp)).collect::<Vec<_>>().join(", ")
    }
}

/// Text of others must not become Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().filter(|c| is_plain(*c)) {
        if c.is_ascii_punctuation() {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Open => "the meeting began",
        Reason::Join => "somebody joined",
        Reason::Leave => "somebody left",
        Reason::Drop => "a connection dropped",
        Reason::Removal => "somebody was removed",
        Reason::Timer => "the interval passed",
        Reason::Manual => "a person asked for it",
        Reason::OffRecord => "a bot went off the record",
        Reason::OnRecord => "a bot came on the record",
        Reason::Takeover => "somebody else looks after the key",
        Reason::Device => "a device was changed",
        Reason::Merge => "a split healed",
    }
}

fn sentence(event: &Event, names: &Names) -> String {
    match event {
        Event::SessionOpened { .. } => "Opened a session.".into(),
        Event::SessionFound { opener, .. } => {
            format!("Found a session of {}.", names.get(opener))
        }
        Event::EpochAnnounced { epoch, reason, generator, roster, who, .. } => {
            let (by, size) = (names.get(generator), roster.as_slice().len());
            let who = match who.as_slice() {
                [] => String::new(),
                people => format!(" ({})", names.all(people)),
            };
            format!("Epoch {epoch} for {size}, made by {by}: {}{who}.", why(*reason))
        }
        Event::Acked { epoch, by } => format!("{} confirmed epoch {epoch}.", names.get(by)),
        Event::AllConfirmed { epoch, members, after_ms } => {
            format!("All {members} have confirmed epoch {epoch}, after {after_ms} ms.")
        }
        Event::Arrived { epoch, idx } => format!("Number {idx} arrived in epoch {epoch}."),
        Event::InUse { epoch } => format!("Epoch {epoch} is in use."),
        Event::Retired { epoch } => format!("Epoch {epoch} is retired."),
        Event::Erased { epoch } => format!("The keys of epoch {epoch} are erased."),
        Event::AllErased {} => "Every key is erased.".into(),
        event => of_people(event, names).unwrap_or_else(|| of_meeting(event, names)),
    }
}

fn of_people(event: &Event, names: &Names) -> Option<String> {
    Some(match event {
        Event::JoinAsked { who, .. } => format!("{} asked to join.", names.get(&who.fp)),
        Event::Waits { fp, .. } => format!("{} waits in the lobby.", names.get(fp)),
        Event::Admitted { fp, by, .. } => {
            format!("{} let {} in.", names.get(by), names.get(fp))
        }
        Event::KeptOut { fp, by, .. } => {
            format!("{} kept {} out.", names.get(by), names.get(fp))
        }
        Event::Locked { locked: true, by } => format!("{} locked the meeting.", names.get(by)),
        Event::Locked { locked: false, by } => format!("{} unlocked it.", names.get(by)),
        Event::Removed { fp, by } => format!("{} removed {}.", names.get(by), names.get(fp)),
        Event::Readmitted { fp, by } => {
            format!("{} lets {} ask again.", names.get(by), names.get(fp))
        }
        Event::DeviceChanged { old, new } => {
            format!("{} goes on with another device, {}.", names.get(old), names.get(new))
        }
        Event::BotOwned { bot, owner } => {
            format!("{} looks after the bot {}.", names.get(owner), names.get(bot))
        }
        _ => return None,
    })
}

fn of_meeting(event: &Event, names: &Names) -> String {
    match event {
        Event::TookOver { by, from, .. } => {
            format!("{} looks after the key, after {}.", names.get(by), names.get(from))
        }
        Event::HandedOver { from, to } => {
            format!("{} gave the key's care to {}.", names.get(from), names.get(to))
        }
        Event::SplitSeen { from_ms, generator, .. } => format!(
            "The meeting is in two parts since {}; in the other, {} looks after the key.",
            time(*from_ms),
            names.get(generator)
        ),
        Event::Merged { epoch, from_ms, until_ms, .. } => format!(
            "The parts are one again in epoch {epoch}; split from {} to {}.",
            time(*from_ms),
            time(*until_ms)
        ),
        Event::Pulse { now } => sign(*now).into(),
        Event::Line { up: true } => "Connected.".into(),
        Event::Line { up: false } => "The connection was lost.".into(),
        Event::Refused { cause, by, count, .. } => {
            let by = by.as_ref().map_or_else(|| "somebody".into(), |fp| names.get(fp));
            let cause = format!("{cause:?}").to_lowercase();
            format!("Refused {count} message(s) of {by}: {cause}.")
        }
        Event::Evidence { charge, against, .. } => {
            let against = against.as_ref().map(|fp| names.get(fp)).unwrap_or_default();
            evidence(*charge, &against)
        }
        Event::Spoken { by: Some(by), .. } => {
            format!("The spoken code did not come: {} cheated.", names.get(by))
        }
        Event::Spoken { how, .. } => spoke(*how).into(),
        Event::Omitted { count } => format!("{count} further entries were left out."),
        Event::Over { why } => out(*why).into(),
        // The others are told above.
        _ => String::new(),
    }
}

fn sign(now: Sign) -> &'static str {
    match now {
        Sign::Steady => "The generator's signs of life are fresh again.",
        Sign::Stale => "No fresh sign of life from the generator.",
        Sign::Cut => "15 s without a sign of life: the microphone is closed.",
        Sign::Forgotten => "60 s without a sign of life: everything is forgotten.",
    }
}

fn evidence(charge: Charge, against: &str) -> String {
    match charge {
        Charge::TwoAnnounces => {
            format!("{against} signed two different keys for one epoch. Both are kept.")
        }
        Charge::ForgedFrame => "A frame came that no honest device makes.".into(),
        Charge::OtherSession => "Another session of this meeting was shown.".into(),
    }
}

fn spoke(how: Spoke) -> &'static str {
    match how {
        Spoke::Shown => "A spoken code was shown.",
        Spoke::Rotated => "A new key came before the spoken code was there.",
        Spoke::Missing => "The spoken code did not come: somebody did not answer.",
        Spoke::Cheated => "The spoken code did not come: somebody cheated.",
        Spoke::Replaced => "Another run of the spoken code took its place.",
        Spoke::TooEarly => "There was no spoken code yet: not everyone had the key.",
    }
}

fn out(why: Out) -> &'static str {
    match why {
        Out::Left => "Left.",
        Out::Ended => "The meeting ended.",
        Out::KeptOut => "Not let in.",
        Out::Removed => "Removed.",
        Out::Elsewhere => "Another process of this profile took the seat.",
        Out::Replaced => "Another device of this user took the seat, by this one's word.",
        Out::WrongPassphrase => {
            "The meeting has a passphrase, and this device had none or another."
        }
    }
}

/// `YYYY-MM-DD hh:mm:ss`, UTC. Days to dates by Howard Hinnant's `civil_from_days`.
fn time(ms: u64) -> String {
    let (seconds, days) = (ms / 1_000 % 86_400, ms / 86_400_000 + 719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(time(0), "1970-01-01 00:00:00");
        assert_eq!(time(951_782_399_999), "2000-02-28 23:59:59");
        assert_eq!(time(951_868_799_000), "2000-02-29 23:59:59");
        assert_eq!(time(1_800_000_000_000), "2027-01-15 08:00:00");
        assert_eq!(time(4_107_542_400_000), "2100-03-01 00:00:00");
    }

    #[test]
    fn a_name_is_no_markdown() {
        assert_eq!(plain("a|b[c](d)\n`"), "a\\|b\\[c\\]\\(d\\)\\`");
    }
}
