//! What travels: packets, envelopes, bodies.

use core::fmt::Debug;

use standfast_wire::codec::{Field, from_bytes, to_bytes};
use standfast_wire::control::{
    Alive, Arrival, Carried, Deputies, End, EpochAnnounce, Handover, HeadAsk, Heartbeat,
    JoinRequest, KeepOut, KeyAck, KeyRequest, KeyWrap, Leave, MeetingOpen, Moved, Order, Own,
    PrekeyBundle, SasCommit, SasReveal, Sealed, SignedDeputies, Vouch,
};
use standfast_wire::limits::{MAX_CONTROL, MAX_MEDIA};
use standfast_wire::relay::{Envelope, Packet, ToClient, ToRelay};

use crate::Tape;
use crate::make::{Make, Pool};

/// What decodes has one encoding: the bytes that it came from.
fn decode<T: Field + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = from_bytes::<T>(bytes) else { return };
    let again = to_bytes(&value);
    assert!(again == bytes, "a second encoding was accepted");
    assert!(from_bytes::<T>(&again).as_ref() == Ok(&value), "a value read back as another");
}

/// A WebSocket message, at either end, and what an envelope's box holds.
pub(crate) fn packet(bytes: &[u8]) {
    match Packet::parse(bytes) {
        Ok(Packet::Control(body)) => {
            assert!(bytes.len() <= MAX_CONTROL);
            decode::<ToRelay>(body);
            decode::<ToClient>(body);
        }
        Ok(Packet::Media(_)) => assert!(bytes.len() <= MAX_MEDIA),
        Err(_) => {}
    }
    decode::<Envelope>(bytes);
    decode::<Sealed>(bytes);
}

const BODIES: &[fn(&[u8])] = &[
    decode::<MeetingOpen>,
    decode::<JoinRequest>,
    decode::<EpochAnnounce>,
    decode::<KeyWrap>,
    decode::<KeyAck>,
    decode::<Arrival>,
    decode::<Heartbeat>,
    decode::<KeyRequest>,
    decode::<Leave>,
    decode::<End>,
    decode::<KeepOut>,
    decode::<PrekeyBundle>,
    decode::<Order>,
    decode::<Own>,
    decode::<Vouch>,
    decode::<HeadAsk>,
    decode::<Handover>,
    decode::<Alive>,
    decode::<Deputies>,
    decode::<SasCommit>,
    decode::<SasReveal>,
    decode::<Moved>,
    decode::<SignedDeputies>,
    decode::<Carried>,
];

/// A message body: its kind, then its bytes.
pub(crate) fn body(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    BODIES[usize::from(*kind) % BODIES.len()](bytes);
}

fn round<T: Make + Field + PartialEq + Debug>(tape: &mut Tape<'_>, pool: &Pool) {
    let value = T::make(tape, pool);
    let bytes = to_bytes(&value);
    assert!(from_bytes::<T>(&bytes).as_ref() == Ok(&value), "a value read back as another");
    let cut = usize::from(tape.u16()) % bytes.len();
    assert!(from_bytes::<T>(&bytes[..cut]).is_err(), "a cut value was accepted");
}

const VALUES: &[fn(&mut Tape<'_>, &Pool)] = &[
    round::<MeetingOpen>,
    round::<JoinRequest>,
    round::<EpochAnnounce>,
    round::<KeyWrap>,
    round::<KeyAck>,
    round::<Arrival>,
    round::<Heartbeat>,
    round::<KeyRequest>,
    round::<Leave>,
    round::<End>,
    round::<KeepOut>,
    round::<PrekeyBundle>,
    round::<Order>,
    round::<Own>,
    round::<Vouch>,
    round::<HeadAsk>,
    round::<Handover>,
    round::<Alive>,
    round::<Deputies>,
    round::<SasCommit>,
    round::<SasReveal>,
    round::<Moved>,
];

/// A message body composed from fields: what can be said can be read, and not cut short.
pub(crate) fn value(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let pool = Pool::default();
    while !tape.is_over() {
        let kind = tape.below(VALUES.len());
        VALUES[kind](&mut tape, &pool);
    }
}
