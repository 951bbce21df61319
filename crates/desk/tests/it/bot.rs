//! A bot: asked about, let in by hand, taken off the record, and looked after by somebody else.

use std::sync::Arc;

use standfast_client::call::Call;
use standfast_client::clock::wall_ms;
use standfast_client::passphrase::WithPassphrase;
use standfast_client::profile::{As, Attendance, Profile};
use standfast_client::voice::{InputChoice, OutputChoice, VoiceConfig};
use standfast_crypto::{Fingerprint, Link};
use standfast_ipc::{
    Command, ErrorCode, IdentityView, LobbyEntry, MeetingView, MemberView, Presence, Role,
};
use standfast_meeting::Admission;
use standfast_vault::{KeychainSource, ProfileName, Vault, VaultOptions};

use crate::seat::{Place, Seat, confirmed};

/// Joins as a bot that listens and says nothing.
fn bring(place: &Place, link: &str, owner: Fingerprint) -> Call {
    let mut options = VaultOptions::for_profile(ProfileName::new("minutes").unwrap());
    options.data_dir = Some(place.dir.path().to_owned());
    options.keychain = KeychainSource::Given(Arc::clone(&place.store));
    let opened = Vault::open(options).unwrap().ask(wall_ms()).unwrap().wait().unwrap();
    let attendance = Attendance {
        part: As::Bot { owner },
        name: "Minutes".into(),
        muted: true,
        voice: VoiceConfig {
            input: InputChoice::Off,
            output: OutputChoice::Null,
            ..VoiceConfig::default()
        },
        token: None,
        admission: Admission::Lobby,
        passphrase: WithPassphrase::Without,
    };
    let link = Link::parse(link).unwrap();
    let config = Profile::new(opened).call_config(&link, attendance).unwrap();
    Call::start(config).unwrap().0
}

fn own_key(seat: &Seat) -> Fingerprint {
    let IdentityView::Ready { own, .. } = seat.see().identity else { panic!("no identity") };
    Fingerprint::from_qr_text(&own.qr).unwrap()
}

fn at_the_door(m: &MeetingView) -> Option<&LobbyEntry> {
    m.lobby.iter().find(|e| e.name == "Minutes")
}

fn bot(m: &MeetingView) -> Option<&MemberView> {
    m.members.iter().find(|m| m.name == "Minutes")
}

#[test]
fn a_bot_is_somebody_s_and_hears_only_while_it_is_on_the_record() {
    let place = Place::new();
    let (ines, mina, link) = place.two("mina", "Mina");
    let minutes = bring(&place, &link, own_key(&mina));

    // Nobody lets it in before Mina has said that it is hers; Mina is asked, and is no host.
    let door = ines.meeting("a bot at the door", |m| at_the_door(m).is_some());
    let entry = at_the_door(&door).unwrap().clone();
    assert_eq!((entry.role, entry.owned, entry.asks_me), (Role::Bot, false, false));
    assert_eq!(entry.owner.unwrap().name, "Mina");
    let asks = |m: &MeetingView| at_the_door(m).is_some_and(|e| e.asks_me);
    mina.meeting("the question", asks);
    ines.ask(Command::Admit { request: entry.id.clone() });
    assert_eq!(mina.refused(Command::Admit { request: entry.id.clone() }), ErrorCode::NotAllowed);
    mina.ask(Command::OwnBot { request: entry.id.clone() });
    mina.meeting("no question", |m| !asks(m));
    ines.meeting("an owner", |m| at_the_door(m).is_some_and(|e| e.owned));
    ines.ask(Command::Admit { request: entry.id });
    let inside = ines.meeting("three", confirmed(3));
    let idx = bot(&inside).unwrap().idx;
    let member = mina.meeting("three", confirmed(3));
    let member = bot(&member).unwrap();
    assert!(member.role == Role::Bot && member.owner.as_ref().is_some_and(|owner| owner.me));

    // Its owner takes it off the record; a host alone puts it on.
    let off = |m: &MeetingView| bot(m).is_some_and(|m| m.presence == Presence::Off);
    mina.ask(Command::SetOnRecord { idx, on: false });
    ines.meeting("off the record", |m| off(m) && confirmed(2)(m));
    assert!(minutes.view().meeting.active.is_none(), "it holds a key");
    assert_eq!(mina.refused(Command::SetOnRecord { idx, on: true }), ErrorCode::NotAllowed);
    ines.ask(Command::SetOnRecord { idx, on: true });
    ines.meeting("on the record", |m| !off(m) && confirmed(3)(m));

    // Its owner leaves, and it stays with Ines.
    ines.ask(Command::LookAfterBot { idx });
    let ready = ines.meeting("standby", |m| bot(m).is_some_and(|m| m.standby));
    assert!(bot(&ready).is_some());
    mina.ask(Command::Leave);
    let hers = |m: &MeetingView| bot(m).and_then(|m| m.owner.as_ref()).is_some_and(|o| o.me);
    ines.meeting("a bot of hers", |m| hers(m) && confirmed(2)(m));

    // It is remembered as a contact, and not expected tomorrow.
    let view = ines.until("Mina in the standup", |v| !v.standups[0].members.is_empty());
    let names: Vec<&str> = view.standups[0].members.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["Mina"]);
    assert!(view.contacts.iter().any(|c| c.name == "Minutes"));
}

#[test]
fn who_does_not_know_a_bot_is_not_asked_again() {
    let place = Place::new();
    let (ines, mina, link) = place.two("mina", "Mina");
    let _minutes = bring(&place, &link, own_key(&mina));
    let asked = mina.meeting("the question", |m| at_the_door(m).is_some_and(|e| e.asks_me));
    let request = at_the_door(&asked).unwrap().id.clone();
    mina.ask(Command::DisownBot { request });
    mina.meeting("no question", |m| at_the_door(m).is_some_and(|e| !e.asks_me && !e.owned));
    ines.meeting("a bot of nobody", |m| at_the_door(m).is_some_and(|e| !e.owned));
}
