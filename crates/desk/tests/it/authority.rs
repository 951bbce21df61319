//! Hosts, removal, the lock, and another device of the same user.

use standfast_ipc::{
    Command, DeviceOffer, LeftReason, MeetingPhase, MeetingView, MemberView, Presence, Trust,
};

use crate::seat::{Place, confirmed};

fn over(why: LeftReason) -> impl Fn(&MeetingView) -> bool {
    move |m| matches!(m.phase, MeetingPhase::Ended { why: w, .. } if w == why)
}

fn waits(m: &MeetingView) -> bool {
    matches!(m.phase, MeetingPhase::Lobby { .. })
}

#[test]
fn removed_stays_removed_until_the_organizer_lets_them_ask_again() {
    let place = Place::new();
    let (ines, leo, link) = place.two("leo", "Leo");

    ines.ask(Command::Remove { idx: ines.idx_of("Leo") });
    leo.meeting("the removal", over(LeftReason::Removed));
    let alone = ines.meeting("a key without Leo", confirmed(1));
    assert_eq!(alone.removed.len(), 1);
    assert_eq!(alone.removed[0].name, "Leo");

    // Nobody can let Leo in now, the organizer neither: Leo is in nobody's lobby.
    leo.dismiss();
    leo.knock(&link);
    let outside = |m: &MeetingView| matches!(m.phase, MeetingPhase::RemovedBefore { .. });
    leo.meeting("that Leo was removed", outside);
    assert!(ines.see().meeting.unwrap().lobby.is_empty());
    assert_eq!(leo.see().meeting.unwrap().organizer_name.as_deref(), Some("Ines"));
    ines.ask(Command::Readmit { fingerprint: alone.removed[0].fingerprint.id.clone() });
    ines.meeting("nobody removed", |m| m.removed.is_empty());
    leo.ask(Command::Leave);
    leo.meeting("the way out", over(LeftReason::Left));
    leo.dismiss();
    leo.knock(&link);
    leo.meeting("two again", confirmed(2)); // seen before, and not removed any more
}

#[test]
fn everyone_sees_who_looks_after_the_key_now() {
    let place = Place::new();
    let ines = place.seat("ines", "Ines");
    let others = [place.seat("leo", "Leo"), place.seat("mina", "Mina")];
    let link = ines.open_standup(&place.address);
    for (seat, name, members) in [(&others[0], "Leo", 2), (&others[1], "Mina", 3)] {
        seat.knock(&link);
        ines.let_in(name);
        seat.meeting("all", confirmed(members));
    }
    let next = ines.meeting("three", confirmed(3)).successor.unwrap();
    ines.ask(Command::Leave);
    for seat in &others {
        let told = seat.meeting("a takeover", |m| m.takeover.is_some() && confirmed(2)(m));
        let takeover = told.takeover.unwrap();
        assert_eq!(
            (takeover.name, takeover.before, takeover.gone),
            (next.clone(), "Ines".into(), true)
        );
        assert_eq!(told.heartbeat.unwrap().generator, next);
    }
}

#[test]
fn a_locked_meeting_takes_nobody_new() {
    let place = Place::new();
    let (ines, noor) = (place.seat("ines", "Ines"), place.seat("noor", "Noor"));
    let link = ines.open_standup(&place.address);
    ines.ask(Command::SetLocked { locked: true });
    ines.meeting("the lock", |m| m.locked);
    noor.knock(&link);
    noor.meeting("no way in", |m| m.phase == MeetingPhase::Locked);
    ines.ask(Command::SetLocked { locked: false });
    noor.meeting("the lobby", waits);
    ines.let_in("Noor");
    noor.meeting("two", confirmed(2));
}

#[test]
fn a_meeting_goes_on_on_another_device_by_the_first_one_s_word() {
    let place = Place::new();
    let (ines, leo, _) = place.two("leo", "Leo");

    leo.ask(Command::OfferDevice);
    let shown = leo.meeting("a code", |m| m.device.is_some()).device.unwrap();
    let phone = place.seat("leo-2", "Leo");
    phone.ask(with_code(&shown));
    phone.meeting("the wait for the other device", |m| m.as_new_device && waits(m));
    let asked = |m: &MeetingView| m.device.as_ref().is_some_and(|d| d.request.is_some());
    let request = leo.meeting("the question", asked).device.unwrap().request.unwrap();
    // No alarm at anybody else's door: this is between Leo's devices.
    assert!(ines.see().meeting.unwrap().lobby.is_empty());
    leo.ask(Command::Vouch { request: request.id });
    leo.meeting("the way out", over(LeftReason::Replaced));
    phone.meeting("two", confirmed(2));
    // Ines may hear of the key's last word after the phone does.
    let there = |m: &MemberView| m.name == "Leo" && m.presence == Presence::In;
    let moved = |m: &MeetingView| m.members.iter().any(|m| there(m) && m.replaces.is_some());
    let seen = ines.meeting("the new device", moved);
    assert_eq!(seen.members.iter().find(|m| there(m)).unwrap().trust, Trust::NewDevice);
    assert!(seen.awaited.is_empty(), "nobody waits for Leo, who is there");
}

/// The link without the code, and the code as a person types it.
fn with_code(shown: &DeviceOffer) -> Command {
    let typed = shown.code.to_lowercase().replace('-', " ");
    Command::Join {
        target: standfast_ipc::JoinTarget::Link { link: shown.link.clone() },
        muted: true,
        code: Some(standfast_ipc::TypedCode::new(typed)),
    }
}
