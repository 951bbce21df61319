use std::sync::Arc;

use standfast_crypto::{Enc, Entropy, Identity, Link, Secret, kdf};
use standfast_meeting::{
    Admission, Command, Config, Hosts, Input, Meeting, Now, Output, PacketShape, Part, Policy,
};

use super::*;

struct Seeded(u64);

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(64) {
            self.0 += 1;
            let block = kdf::<64>(b"", &self.0.to_be_bytes(), Enc::new("test"));
            chunk.copy_from_slice(&block.expose()[..chunk.len()]);
        }
    }
}

/// What an organizer writes down who is alone, renews the key and ends.
fn journal() -> SignedJournal {
    let identity = Arc::new(Identity::from_seed(Secret::from_fn(|seed| seed.fill(5))));
    let link = Link::create("relay.test", identity.fingerprint(), None, &mut Seeded(1));
    let policy =
        Policy { admission: Admission::Lobby, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
    let config = Config {
        identity,
        meeting_id: link.meeting_id,
        organizer: link.organizer,
        link: link.keys(),
        name: "Ines | *the* [first](x)".into(),
        part: Part::Organizer { scheduled: Vec::new(), policy },
        known: Vec::new(),
        muted: true,
        audio: PacketShape::of_20_ms(80),
    };
    let mut now = Now { mono_ms: 1_000, wall_ms: 1_800_000_000_000 };
    let mut meeting = Meeting::new(config, Box::new(Seeded(2)), now);
    for input in [
        Input::Connected,
        Input::Tick,
        Input::Command(Command::RotateNow),
        Input::Tick,
        Input::Command(Command::End),
        Input::Tick,
        Input::Tick,
    ] {
        meeting.handle(input, now);
        while let Some(output) = meeting.poll_output() {
            drop::<Output>(output);
        }
        (now.mono_ms, now.wall_ms) = (now.mono_ms + 2_100, now.wall_ms + 2_100);
    }
    meeting.signed_journal()
}

fn shown() -> String {
    serde_json::to_string_pretty(&to_json(&journal())).unwrap()
}

#[test]
fn an_exported_journal_is_whole() {
    let journal = journal();
    let whole = verify(&shown()).unwrap();
    assert_eq!(Some(whole.by), journal.author());
    assert_eq!(whole.entries, journal.entries.as_slice().len());
    assert!(whole.entries >= 12, "{}", to_markdown("x", &journal));
    assert_eq!((whole.before, whole.exhibits), (0, 0));
    let names: Vec<_> = to_json(&journal)["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names[..3], ["connection", "session-opened", "join-asked"]);
    assert_eq!(names[names.len() - 2..], ["all-erased", "over"]);
}

/// Whatever is read in the file is what was signed: any other letter of it is noticed.
#[test]
fn a_journal_changed_anywhere_is_noticed() {
    let text = shown();
    let mut tried = 0;
    for (at, c) in text.char_indices() {
        let other = match c {
            '0'..='8' | 'a'..='y' => char::from(c as u8 + 1),
            '9' => '0',
            'z' => 'a',
            _ => continue,
        };
        let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(verify(&changed).is_err(), "{}", &changed[at.saturating_sub(40)..at + 20]);
        tried += 1;
    }
    assert!(tried > 2_000);
}

#[test]
fn the_entry_that_reads_otherwise_is_named() {
    let mut shown = to_json(&journal());
    shown["entries"][4]["at_ms"] = 1.into();
    assert_eq!(verify(&shown.to_string()), Err(JournalFault::Broken(4)));
    let mut shown = to_json(&journal());
    shown["entries"][4]["note"] = "and this".into();
    assert_eq!(verify(&shown.to_string()), Err(JournalFault::Broken(4)));
    let mut shown = to_json(&journal());
    shown["entries"].as_array_mut().unwrap().remove(4);
    assert_eq!(verify(&shown.to_string()), Err(JournalFault::Broken(4)));
    let mut shown = to_json(&journal());
    shown["title"] = "somebody else's".into();
    assert_eq!(verify(&shown.to_string()), Err(JournalFault::NotSigned));
    assert_eq!(verify("{}"), Err(JournalFault::NotAJournal));
    assert_eq!(verify("nonsense"), Err(JournalFault::NotAJournal));
}

/// A file may count its entries from anywhere before anything in it is known to be signed.
#[test]
fn a_journal_that_counts_from_the_end_of_all_numbers_is_refused() {
    for from in [u64::MAX, u64::MAX - 1] {
        let mut shown = to_json(&journal());
        shown["head"]["from"] = from.into();
        assert_eq!(verify(&shown.to_string()), Err(JournalFault::NotSigned));
        shown["entries"][0]["coded"] = "no".into();
        assert_eq!(verify(&shown.to_string()), Err(JournalFault::Broken(from)));
        shown["entries"] = json!([]);
        assert_eq!(verify(&shown.to_string()), Err(JournalFault::NotSigned));
    }
}

#[test]
fn a_row_of_the_vault_comes_back() {
    let journal = journal();
    let row = pack(json!([{ "epoch": 1 }]), &journal);
    let kept = unpack(&row).unwrap();
    assert_eq!(kept, Kept { timeline: json!([{ "epoch": 1 }]), journal: Some(journal) });
    let old = unpack(br#"[{"epoch":1}]"#).unwrap();
    assert_eq!(old, Kept { timeline: json!([{ "epoch": 1 }]), journal: None });
    assert_eq!(unpack(b"nonsense"), None);
}

#[test]
fn for_people_every_step_is_a_sentence_and_no_name_is_markup() {
    let text = to_markdown("Daily", &journal());
    let steps = text.split("## Steps").nth(1).unwrap();
    let lines: Vec<_> = steps.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), journal().entries.as_slice().len());
    assert!(lines.iter().all(|line| line.ends_with('.')), "{text}");
    assert!(text.contains("Ines \\| \\*the\\* \\[first\\]\\(x\\)"), "{text}");
    assert!(text.contains("| 2 | a person asked for it |"), "{text}");
}
