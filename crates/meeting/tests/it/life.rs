//! The key's life without an enemy: open, join, confirm, use, rotate, leave, end.

use standfast_meeting::{Admission, Command, LeftWhy, Phase, Presence, Reason};

use crate::room::Room;

/// Ines and whoever else, all in by the link alone.
pub fn meeting(names: &[&'static str]) -> Room {
    meeting_in(Room::new(), names)
}

pub fn meeting_in(mut room: Room, names: &[&'static str]) -> Room {
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(1_100);
    for name in names {
        room.member(name, Vec::new());
        room.pass(2_500);
    }
    room
}

#[test]
fn alone_the_organizer_has_an_epoch_and_a_code() {
    let room = meeting(&[]);
    let ines = room.see("ines");
    assert_eq!(ines.phase, Phase::Live);
    assert_eq!(ines.active.unwrap().number, 1);
    assert_eq!(ines.code.unwrap().len(), 30);
}

#[test]
fn a_joiner_gets_a_new_epoch_and_both_hear_each_other() {
    let mut room = meeting(&["mina"]);
    assert_eq!(room.see("mina").phase, Phase::Live, "{:?}", room.see("ines").counters);
    let (ines, mina) = (room.see("ines"), room.see("mina"));
    for epoch in [ines.active.unwrap(), mina.active.unwrap()] {
        assert_eq!((epoch.number, epoch.confirmed, epoch.members), (2, 2, 2));
        assert_eq!(epoch.reason, Reason::Join);
    }
    assert!(room.common_code(&["ines", "mina"]).is_some());
    assert_eq!(room.hearers("ines", 960), ["mina"]);
    assert_eq!(room.hearers("mina", 1_920), ["ines"]);
}

#[test]
fn five_join_and_share_one_code() {
    let names = ["mina", "jonas", "leo", "sana"];
    let mut room = meeting(&names);
    assert!(room.common_code(&["ines", "mina", "jonas", "leo", "sana"]).is_some());
    assert_eq!(room.hearers("leo", 960), ["ines", "jonas", "mina", "sana"]);
    assert_eq!(room.see("sana").members.len(), 5);
    assert!(room.see("sana").members.iter().all(|m| m.presence == Presence::In));
}

#[test]
fn joins_at_once_are_gathered() {
    let mut room = meeting(&[]);
    for name in ["mina", "jonas", "leo", "sana"] {
        room.member(name, Vec::new());
    }
    room.pass(2_500);
    // The first at once, the other three together.
    assert_eq!(room.see("ines").active.unwrap().number, 3);
    assert_eq!(room.see("ines").members.len(), 5);
}

#[test]
fn a_leaver_hears_nothing_more() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("mina", Command::Leave);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Left));
    room.pass(1_200);
    let ines = room.see("ines");
    assert_eq!((ines.active.unwrap().number, ines.members.len()), (4, 2));
    assert_eq!(ines.journal.last().unwrap().who, ["mina"]);
    assert_eq!(room.hearers("ines", 960), ["jonas"]);
}

#[test]
fn who_drops_is_out_after_silence() {
    let mut room = meeting(&["mina", "jonas"]);
    room.disconnect("jonas");
    room.pass(20_000);
    let ines = room.see("ines");
    assert_eq!(ines.active.unwrap().reason, Reason::Drop);
    assert_eq!(ines.members.len(), 2);
    // Back again: a new seat in a new epoch, the old place.
    room.connect("jonas");
    room.pass(3_000);
    assert_eq!(room.see("jonas").phase, Phase::Live);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("jonas", 960), ["ines", "mina"]);
}

#[test]
fn the_timer_renews_the_key_with_fresh_contacts() {
    let mut room = meeting(&["mina"]);
    let before = room.common_code(&["ines", "mina"]).unwrap();
    room.pass(301_000);
    let ines = room.see("ines");
    assert_eq!(ines.active.as_ref().unwrap().reason, Reason::Timer);
    let after = room.common_code(&["ines", "mina"]).unwrap();
    assert_ne!(before, after);
    assert_eq!(room.hearers("mina", 960), ["ines"]);
    room.pass(301_000);
    assert_eq!(room.see("mina").active.unwrap().number, 4);
}

#[test]
fn no_gap_at_a_rotation() {
    let mut room = meeting(&["mina", "jonas"]);
    let mut ts = 0;
    for i in 0..200 {
        if i % 40 == 20 {
            room.command("ines", Command::RotateNow);
        }
        ts += 960;
        room.say("mina", ts);
        room.pass(20);
    }
    for name in ["ines", "jonas"] {
        let heard: Vec<_> = room.devices[name].heard.iter().map(|(_, ts, _)| *ts).collect();
        assert_eq!(heard, (1..=200).map(|i| i * 960).collect::<Vec<_>>(), "{name}");
        assert_eq!(room.see(name).counters.frames_lost_at_rekey, 0);
    }
    assert_eq!(room.see("jonas").active.unwrap().number, 8);
}

#[test]
fn end_erases_everywhere_and_deletes_the_board() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("ines", Command::End);
    room.pass(10);
    for name in ["ines", "mina", "jonas"] {
        assert_eq!(room.see(name).phase, Phase::Left(LeftWhy::Ended), "{name}");
        assert!(room.see(name).journal.iter().all(|r| r.erased_ms.is_some()));
    }
    assert!(room.ended);
}

#[test]
fn only_the_organizer_ends() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("mina", Command::End);
    room.pass(100);
    assert_eq!(room.see("ines").phase, Phase::Live);
}

#[test]
fn strangers_wait_in_the_lobby() {
    let mut room = Room::new();
    room.organizer(&[], Admission::Lobby);
    room.pass(1_100);
    room.member("mina", Vec::new());
    room.pass(500);
    assert_eq!(room.see("mina").phase, Phase::Lobby);
    let lobby = room.see("ines").lobby;
    assert_eq!((lobby.len(), lobby[0].name.as_str()), (1, "mina"));
    assert!(room.hearers("ines", 960).is_empty());
    room.command("ines", Command::Admit(lobby[0].request));
    room.pass(100);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 1_920), ["mina"]);
}

#[test]
fn kept_out_stays_out() {
    let mut room = Room::new();
    room.organizer(&[], Admission::Lobby);
    room.pass(1_100);
    room.member("mina", Vec::new());
    let request = room.see("ines").lobby[0].request;
    room.command("ines", Command::KeepOut(request));
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::KeptOut));
    assert!(room.see("ines").lobby.is_empty());
}

#[test]
fn muted_members_send_nothing_but_pings_of_one_size() {
    let mut room = meeting(&["mina"]);
    room.command("mina", Command::SetMuted(true));
    assert!(room.see("ines").members[1].muted);
    assert!(room.hearers("mina", 960).is_empty());
    room.command("mina", Command::SetMuted(false));
    assert_eq!(room.hearers("mina", 1_920), ["ines"]);
    assert!(!room.see("ines").members[1].muted);
}

#[test]
fn scheduled_members_come_in_within_the_first_epoch() {
    let mut room = meeting(&["mina", "jonas"]);
    let prekeys = room.take_prekeys("mina");
    assert_eq!(prekeys.len(), 1, "a bundle for next time was made");
    room.command("ines", Command::End);
    room.pass(100);
    room.board.clear();
    // The next day.
    room.now.mono_ms += 86_400_000;
    room.now.wall_ms += 86_400_000;
    room.devices.clear();
    room.organizer(&["mina", "jonas"], Admission::Lobby);
    room.pass(100);
    let presence: Vec<_> = room.see("ines").members.iter().map(|m| m.presence).collect();
    assert_eq!(presence, [Presence::In, Presence::Invited, Presence::Invited]);
    let id = prekeys[0].id();
    room.member("mina", prekeys);
    room.pass(10);
    let (ines, mina) = (room.see("ines"), room.see("mina"));
    assert_eq!(mina.phase, Phase::Live, "{:?} {:?}", ines.counters, mina.counters);
    assert_eq!(mina.active.as_ref().unwrap().number, 1, "no new epoch was needed");
    assert_eq!(
        (ines.active.as_ref().unwrap().confirmed, ines.active.as_ref().unwrap().members),
        (2, 2)
    );
    assert_eq!(room.devices["mina"].erased, [id], "the prekey is spent");
    assert_eq!(room.hearers("ines", 960), ["mina"]);
    assert_eq!(room.hearers("mina", 1_920), ["ines"]);
    // Jonas stays away: after 30 s a new epoch is made without him.
    room.pass(31_500);
    let ines = room.see("ines");
    assert_eq!((ines.active.as_ref().unwrap().number, ines.members.len()), (2, 2));
    assert_eq!(room.common_code(&["ines", "mina"]), ines.code);
}

#[test]
fn a_relay_that_lost_its_board_gets_it_back() {
    let mut room = meeting(&["mina", "jonas"]);
    let session_id = room.see("ines").session_id.unwrap();
    room.board.clear();
    for name in ["ines", "mina", "jonas"] {
        room.disconnect(name);
    }
    room.pass(4_000);
    room.connect("mina");
    room.connect("ines");
    room.input("ines", standfast_meeting::Input::BoardLost { session_id });
    room.run();
    room.connect("jonas");
    room.pass(8_000);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("jonas", 960), ["ines", "mina"]);
    // A stranger to this session can read the whole history from the board.
    room.member("leo", Vec::new());
    room.pass(3_000);
    assert_eq!(room.see("leo").phase, Phase::Live);
}

#[test]
fn an_organizer_who_finds_a_session_that_is_over_opens_the_next() {
    let mut room = meeting(&["mina"]);
    let old = room.session_id();
    room.command("ines", Command::End);
    room.pass(2_000);
    // The relay has not deleted the board.
    room.devices.clear();
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(10_000);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_ne!(room.session_id(), old);
}

#[test]
fn the_lobby_shows_at_once_that_somebody_gave_up() {
    let mut room = Room::new();
    room.organizer(&[], Admission::Lobby);
    room.pass(1_100);
    room.member("noor", Vec::new());
    room.pass(1_000);
    assert_eq!(room.see("ines").lobby.len(), 1);
    let meeting = &mut room.devices.get_mut("ines").unwrap().meeting;
    let poster = crate::room::poster("noor");
    meeting.handle(standfast_meeting::Input::PeerGone { poster }, room.now);
    let outputs = std::iter::from_fn(|| meeting.poll_output());
    assert!(outputs.into_iter().any(|o| matches!(o, standfast_meeting::Output::Changed)));
}
