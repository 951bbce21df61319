//! A meeting without its organizer.

use standfast_ipc::{Command, ErrorCode, JoinTarget, MeetingPhase, MeetingView, Presence};

use crate::seat::{Place, Seat, confirmed};

fn may_open(m: &MeetingView) -> bool {
    matches!(m.phase, MeetingPhase::Waiting { may_open: true, .. })
}

fn waits(m: &MeetingView) -> bool {
    matches!(m.phase, MeetingPhase::Waiting { may_open: false, .. })
}

fn again(seat: &Seat) {
    seat.dismiss();
    let id = seat.see().standups[0].id.clone();
    seat.ask(Command::Join { target: JoinTarget::Standup { id }, muted: true, code: None });
}

#[test]
fn a_deputy_opens_when_the_organizer_is_away() {
    let place = Place::new();
    let ines = place.seat("ines", "Ines");
    let (leo, mina) = (place.seat("leo", "Leo"), place.seat("mina", "Mina"));
    let link = ines.open_standup(&place.address);
    for (seat, name, members) in [(&leo, "Leo", 2), (&mina, "Mina", 3)] {
        seat.knock(&link);
        ines.let_in(name);
        seat.meeting("all", confirmed(members));
    }
    ines.ask(Command::SetDeputy { idx: ines.idx_of("Leo"), on: true });
    let told = |m: &MeetingView| m.members.iter().any(|m| m.name == "Leo" && m.deputy);
    mina.meeting("who is deputy", told);
    ines.ask(Command::EndForAll);

    let over = |m: &MeetingView| matches!(m.phase, MeetingPhase::Ended { .. });
    for seat in [&leo, &mina] {
        seat.meeting("the end", over);
        again(seat);
    }
    mina.meeting("nothing to do", waits);
    assert_eq!(mina.refused(Command::OpenMeeting), ErrorCode::NotAllowed);
    leo.meeting("a way to open", may_open);
    leo.ask(Command::OpenMeeting);
    leo.meeting("two", confirmed(2));
    mina.meeting("two", confirmed(2));

    // Nobody lets the organizer in, and the key is in its care again.
    ines.meeting("the end", over);
    again(&ines);
    let three = |m: &MeetingView| confirmed(3)(m) && m.members.iter().any(|m| m.me && m.generator);
    let seen = ines.meeting("three", three);
    assert!(seen.members.iter().all(|m| m.presence == Presence::In));
}
