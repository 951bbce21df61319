//! Packets that are sent again with those after them, while somebody reports loss.

use standfast_frame::OVERHEAD_BYTES;
use standfast_meeting::Command;

use crate::life::meeting;
use crate::room::Room;

/// Bytes of a frame of a room, with so many copies.
const fn frame_bytes(copies: usize) -> usize {
    80 + copies * 74 + OVERHEAD_BYTES
}

/// Ines speaks so many packets, from `first` on; those that `lost` names do not come to Mina.
fn speak(room: &mut Room, first: u32, packets: u32, lost: impl Fn(u32) -> bool + 'static) {
    for n in first..first + packets {
        let drops = lost(n);
        let passes = move |to: &str, control| control || !drops || to != "mina";
        room.fate = Some(Box::new(move |to, control| vec![0; usize::from(passes(to, control))]));
        room.say("ines", n * 960);
        room.pass(1);
        room.fate = None;
        room.pass(19);
    }
}

/// Lengths of the last `count` frames of Ines with sound in them.
fn lengths(room: &Room, count: usize) -> Vec<usize> {
    let sound = |(from, frame): &&(&str, Vec<u8>)| *from == "ines" && frame.len() > 80;
    let all: Vec<_> = room.sent.iter().filter(sound).map(|(_, frame)| frame.len()).collect();
    all[all.len() - count..].to_vec()
}

#[test]
fn one_copy_goes_with_each_packet_until_the_line_was_calm() {
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 40, |_| false);
    assert_eq!(lengths(&room, 40), [frame_bytes(1); 40], "from the first");
    speak(&mut room, 40, 20, |n| n % 10 == 0);
    let mina = &room.devices["mina"];
    assert!(mina.copies.iter().any(|(_, at)| *at == 40 * 960), "a loss that nobody reported yet");
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 1_100, |_| false);
    assert_eq!(lengths(&room, 50), [frame_bytes(0); 50]);
}

#[test]
fn packets_are_sent_again_while_somebody_loses_them_and_not_after() {
    let mut room = meeting(&["mina", "leo"]);
    speak(&mut room, 0, 1_100, |_| false);
    assert_eq!(lengths(&room, 50), [frame_bytes(0); 50]);

    // Within a second and a half of the first loss, and for everyone.
    speak(&mut room, 1_100, 150, |n| n % 10 == 0);
    assert_eq!(lengths(&room, 50), [frame_bytes(2); 50]);
    let lost: Vec<u32> = (1_180..1_250).filter(|n| n % 10 == 0).map(|n| n * 960).collect();
    let mina = &room.devices["mina"];
    for ts in &lost[..lost.len() - 1] {
        assert!(mina.heard.iter().all(|(_, at, _)| at != ts), "the control");
        assert!(mina.copies.iter().any(|(_, at)| at == ts), "{ts}");
    }

    speak(&mut room, 1_250, 3_000, |_| false);
    assert_eq!(lengths(&room, 50), [frame_bytes(0); 50], "the path is clean again");
}

#[test]
fn bursts_are_repaired_by_copies_that_are_further_apart() {
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 400, |n| n % 50 < 3);
    assert_eq!(lengths(&room, 50), [frame_bytes(2); 50]);
    let mina = &room.devices["mina"];
    for ts in (300..303).chain(350..353).map(|n| n * 960) {
        assert!(mina.copies.iter().any(|(_, at)| *at == ts), "{ts}");
    }
}

#[test]
fn a_little_loss_calls_for_one_copy() {
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 600, |n| n % 50 == 0);
    assert_eq!(lengths(&room, 50), [frame_bytes(1); 50]);
}

#[test]
fn who_comes_with_a_new_key_hears_no_copy_of_what_was_said_before() {
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 200, |n| n % 5 == 0);
    room.member("leo", Vec::new());
    speak(&mut room, 200, 150, |n| n % 5 == 0);
    let leo = &room.devices["leo"];
    let first = leo.heard.iter().map(|(_, ts, _)| *ts).min().unwrap();
    assert!(!leo.copies.is_empty(), "the control");
    assert!(leo.copies.iter().all(|(_, ts)| *ts >= first), "{first}");
}

#[test]
fn a_pause_ends_what_is_sent_again() {
    let mut room = meeting(&["mina"]);
    speak(&mut room, 0, 200, |n| n % 5 == 0);
    let copies = room.devices["mina"].copies.len();
    room.command("ines", Command::SetMuted(true));
    room.pass(2_000);
    room.command("ines", Command::SetMuted(false));
    speak(&mut room, 300, 1, |_| false);
    assert_eq!(room.devices["mina"].copies.len(), copies);
    assert_eq!(lengths(&room, 1), [frame_bytes(2)], "and the length says nothing of it");
}
