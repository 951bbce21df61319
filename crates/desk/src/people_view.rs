//! People and bots: on the roster, in the lobby, removed, and another device of this user.

use standfast_client::pairing::DeviceInvite;
use standfast_client::profile::hex;
use standfast_client::voice::Levels;
use standfast_ipc::{
    Arrival, Connection, DeviceOffer, DeviceRequest, LobbyEntry, MemberView, OwnerView, Presence,
    Quality, RemovedView, Role,
};
use standfast_meeting::{
    DeviceOffer as Offer, Knock, Member, Microphone, Owner, Presence as Place, Removed,
};

use crate::meeting_view::Source;
use crate::prints::Prints;
use crate::standups::view_trust;

pub(crate) fn member(source: &Source<'_>, m: &Member, prints: &mut Prints) -> MemberView {
    let speaking = source.levels.as_ref().is_some_and(|levels| speaking(levels, m));
    // Whatever closes this microphone, nothing of it is sent: nobody is shown as speaking then.
    let closed = m.me && source.call.meeting.microphone != Microphone::Open;
    let muted = m.muted || closed;
    MemberView {
        idx: m.idx,
        name: m.name.clone(),
        me: m.me,
        organizer: m.organizer,
        host: m.host,
        deputy: m.deputy,
        generator: m.generator,
        role: role(m.bot.as_ref()),
        owner: m.bot.as_ref().map(owner),
        standby: source.running.standby.contains(&m.idx),
        replaces: m.replaces.as_ref().map(|old| old.name.clone()),
        trust: view_trust(m.trust),
        presence: match m.presence {
            Place::In => Presence::In,
            Place::Joining => Presence::Joining,
            Place::Leaving => Presence::Leaving,
            Place::Invited => Presence::Invited,
            Place::Off => Presence::Off,
        },
        confirmed: m.confirmed,
        muted,
        speaking: speaking && !muted,
        volume: source.book.volume(m.fp),
        muted_here: source.running.muted_here.contains(&m.idx),
        fingerprint: prints.view(m.fp),
        pinned: m.pinned.map(|fp| prints.view(fp)),
        first_met_ms: source.book.first_met(m.fp),
        connection: (!m.me).then(|| arriving(m.loss)),
    }
}

/// How their sound arrives, as far as loss on the way tells.
fn arriving(loss_half_percent: u8) -> Connection {
    let quality = match loss_half_percent {
        0..=4 => Quality::Good,
        5..=10 => Quality::Fair,
        _ => Quality::Weak,
    };
    Connection { quality, rtt_ms: None }
}

fn role(bot: Option<&Owner>) -> Role {
    if bot.is_some() { Role::Bot } else { Role::Person }
}

fn owner(owner: &Owner) -> OwnerView {
    OwnerView { name: owner.name.clone(), me: owner.me }
}

fn speaking(levels: &Levels, m: &Member) -> bool {
    if m.me {
        return levels.input_speaking;
    }
    levels.speakers.iter().any(|s| s.speaker == u64::from(m.idx) && s.speaking)
}

pub(crate) fn knock(source: &Source<'_>, k: &Knock, prints: &mut Prints) -> LobbyEntry {
    let disowned = source.running.disowned.contains(&k.request);
    let known = source.book.name_of(k.fp).is_some();
    LobbyEntry {
        id: hex(&k.request),
        name: k.name.clone(),
        role: role(k.bot.as_ref()),
        asks_me: k.bot.as_ref().is_some_and(|owner| owner.me) && !k.owned && !disowned,
        owner: k.bot.as_ref().map(owner),
        owned: k.owned,
        trust: view_trust(k.trust),
        fingerprint: prints.view(k.fp),
        pinned: k.pinned.map(|fp| prints.view(fp)),
        verified_at_ms: k.pinned.and_then(|fp| source.book.verified_at(fp)),
        arrival: if known { Arrival::KnownContact } else { Arrival::FirstTime },
        since_ms: k.since_ms,
    }
}

pub(crate) fn removed(r: &Removed, prints: &mut Prints) -> RemovedView {
    RemovedView { name: r.name.clone(), fingerprint: prints.view(r.fp) }
}

/// What this device shows to another one of its user.
pub(crate) fn device(source: &Source<'_>, offer: &Offer, prints: &mut Prints) -> DeviceOffer {
    let (me, link) = (source.me, &source.running.link);
    let request = offer
        .request
        .as_ref()
        .map(|(request, fp)| DeviceRequest { id: hex(request), fingerprint: prints.view(*fp) });
    DeviceOffer {
        qr: DeviceInvite::write(me, &offer.code, link).to_string(),
        link: DeviceInvite::write(me, "", link).to_string(),
        code: offer.code.clone(),
        until_ms: offer.until_ms,
        request,
    }
}
