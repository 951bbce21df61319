//! Values of the protocol's types, composed from a fuzzer's decisions.
//!
//! Where a message has references (hashes, keys, ids), the values that exist in the meeting are
//! drawn as readily as invented ones: a message whose references all miss is refused at its first
//! line, and reaches nothing.

use standfast_crypto::{Identity, Scope};
use standfast_wire::codec::{Blob, List, Text, to_bytes};
use standfast_wire::control::*;

use crate::Tape;

/// What exists: byte strings of every length that are worth naming, identities, and a signer.
#[derive(Default)]
pub(crate) struct Pool {
    pub(crate) bytes: Vec<Vec<u8>>,
    /// The announce that counts now: almost every message names it.
    pub(crate) head: Hash,
    pub(crate) idents: Vec<Ident>,
    pub(crate) signer: Option<(Identity, Scope)>,
}

impl Pool {
    pub(crate) fn know(&mut self, bytes: &[u8]) {
        if !self.bytes.iter().any(|known| known == bytes) {
            self.bytes.push(bytes.to_vec());
        }
    }

    fn draw<const N: usize>(&self, tape: &mut Tape<'_>) -> [u8; N] {
        let fitting: Vec<&Vec<u8>> = self.bytes.iter().filter(|b| b.len() == N).collect();
        let byte = tape.byte();
        if byte == 0 && N == 32 {
            return std::array::from_fn(|at| self.head[at]);
        }
        match fitting.get(usize::from(byte.wrapping_sub(1))) {
            Some(known) => std::array::from_fn(|at| known[at]),
            None if byte < 250 => [byte; N],
            None => tape.array(),
        }
    }
}

/// Can be composed.
pub(crate) trait Make: Sized + Clone {
    /// From nothing.
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self;
    /// From one that exists; of zeros, it stays as it is.
    fn vary(&self, tape: &mut Tape<'_>, pool: &Pool) -> Self {
        if tape.chance(32) { Self::make(tape, pool) } else { self.clone() }
    }
}

impl<const N: usize> Make for [u8; N] {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        pool.draw(tape)
    }
}

impl<const N: usize> Make for Box<[u8; N]> {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        let drawn: [u8; N] = pool.draw(tape);
        drawn.to_vec().into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!())
    }
}

impl Make for bool {
    fn make(tape: &mut Tape<'_>, _: &Pool) -> Self {
        tape.byte() & 1 == 1
    }
}

macro_rules! make_integer {
    ($($t:ident),*) => {$(
        impl Make for $t {
            fn make(tape: &mut Tape<'_>, _: &Pool) -> Self {
                match tape.byte() {
                    small @ 0..=199 => Self::from(small),
                    200..=219 => Self::MAX - Self::from(tape.byte()),
                    _ => Self::from_be_bytes(tape.array()),
                }
            }
            fn vary(&self, tape: &mut Tape<'_>, pool: &Pool) -> Self {
                match tape.byte() {
                    0..=223 => *self,
                    224..=231 => self.wrapping_add(1),
                    232..=239 => self.wrapping_sub(1),
                    _ => Self::make(tape, pool),
                }
            }
        }
    )*};
}
make_integer!(u16, u32, u64);

impl<T: Make> Make for Option<T> {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        tape.chance(128).then(|| T::make(tape, pool))
    }
    fn vary(&self, tape: &mut Tape<'_>, pool: &Pool) -> Self {
        match self {
            _ if tape.chance(16) => Self::make(tape, pool),
            Some(value) => Some(value.vary(tape, pool)),
            None => None,
        }
    }
}

impl<const MAX: usize> Make for Blob<MAX> {
    fn make(tape: &mut Tape<'_>, _: &Pool) -> Self {
        Self::new(tape.blob(MAX.min(300))).unwrap_or_default()
    }
}

impl<const MAX: usize> Make for Text<MAX> {
    fn make(tape: &mut Tape<'_>, _: &Pool) -> Self {
        let text = String::from_utf8_lossy(&tape.blob(MAX.min(80))).into_owned();
        Self::new(text).unwrap_or_default()
    }
}

impl<T: Make, const MAX: usize> Make for List<T, MAX> {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        let items = tape.below(5);
        Self::new((0..items).map(|_| T::make(tape, pool)).collect()).unwrap_or_default()
    }
    fn vary(&self, tape: &mut Tape<'_>, pool: &Pool) -> Self {
        let mut items: Vec<T> = self.as_slice().iter().map(|i| i.vary(tape, pool)).collect();
        match tape.byte() {
            0..=223 => {}
            224..=231 => drop(items.pop()),
            232..=239 => items.extend(items.first().cloned()),
            240..=247 => items.reverse(),
            _ => items.push(T::make(tape, pool)),
        }
        Self::new(items).unwrap_or_default()
    }
}

macro_rules! make_code {
    ($($t:ident: $($variant:ident)*;)*) => {$(
        impl Make for $t {
            fn make(tape: &mut Tape<'_>, _: &Pool) -> Self {
                *tape.pick(&[$(Self::$variant),*]).unwrap_or_else(|| unreachable!())
            }
        }
    )*};
}

make_code! {
    Admission: Lobby AnyoneWithLink;
    Hosts: Scheduled Organizer;
    Role: Person Bot;
    State: In Invited Off;
    Reason: Open Join Leave Drop Removal Timer Manual OffRecord OnRecord Takeover Device Merge;
    Act: Admit Remove Readmit Lock Unlock OffRecord OnRecord Rotate;
    Kind: Open Join Announce Wrap Ack Arrival Heartbeat KeyRequest Leave End KeepOut Bundle Order
        Own Vouch HeadAsk Handover Alive Deputies SasCommit SasReveal Moved;
}

macro_rules! make_record {
    ($($t:ident { $($field:ident)* })*) => {$(
        impl Make for $t {
            fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
                Self { $($field: Make::make(tape, pool)),* }
            }
            fn vary(&self, tape: &mut Tape<'_>, pool: &Pool) -> Self {
                if tape.chance(4) { return Self::make(tape, pool); }
                Self { $($field: self.$field.vary(tape, pool)),* }
            }
        }
    )*};
}

make_record! {
    Policy { admission hosts rotate_ms }
    MeetingOpen { session_id ident policy scheduled deputies }
    Bundle { bundle_id ek pk }
    PrekeyBundle { ident seq bundle }
    Pairing { old proof }
    JoinRequest {
        ident bundle msk join_nonce liveness_nonce name role own vouch seen resume_head
    }
    Entry { idx fp join_h role state nonce owner replaces }
    Order { at_h act target }
    Own { at_h bot join_h }
    Vouch { at_h new join_h age_ms }
    HeadAsk { at_h nonce }
    Handover { at_h to end }
    HandedEnd { n ct }
    Alive { h_e counter }
    Deputies { meeting_id link_epoch serial fps }
    SasCommit { h_e run_id commitment }
    SasReveal { h_e run_id sas_r }
    Moved { to }
    EpochAnnounce {
        term epoch generator gen_ek prev_h reason locked roster succession key_commit min_ms max_ms
        orders merged_h
    }
    KeyWrap { h_e to bundle_id n kem_ct ct }
    KeyAck { h_e liveness_nonce bundle }
    Arrived { idx join_h }
    Arrival { h_e named }
    Heartbeat { term epoch h_e age_ms acked arrived_h prev_hb }
    KeyRequest { h_e bundle }
    Leave { join_h msk_private }
    End { at_h }
    KeepOut { join_h }
}

impl Make for Ident {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        match tape.pick(&pool.idents) {
            Some(known) if !tape.chance(32) => known.clone(),
            _ => {
                let (iks, ikd) = (Make::make(tape, pool), Make::make(tape, pool));
                Self { iks, ikd, cert: Make::make(tape, pool) }
            }
        }
    }
}

/// A list signed by the pool's signer, for the meeting and no session.
impl Make for SignedDeputies {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        let body = to_bytes(&Deputies::make(tape, pool));
        let ident = Ident::make(tape, pool);
        let sig = match &pool.signer {
            Some((who, scope)) => {
                let scope = Scope { session_id: [0; 32], ..*scope };
                who.sign(&scope, Kind::Deputies.label(), &body)
            }
            None => Make::make(tape, pool),
        };
        Self { ident, body: Blob::new(body).unwrap_or_default(), sig }
    }
}

/// A statement signed by the pool's signer, so that what it says is looked at.
impl Make for Carried {
    fn make(tape: &mut Tape<'_>, pool: &Pool) -> Self {
        let (kind, body) = match tape.byte() % 4 {
            0 => (Kind::Own, to_bytes(&Own::make(tape, pool))),
            1 => (Kind::Vouch, to_bytes(&Vouch::make(tape, pool))),
            2 => (Kind::Order, to_bytes(&Order::make(tape, pool))),
            _ => (Kind::make(tape, pool), tape.blob(256)),
        };
        let (from, sig) = match &pool.signer {
            Some((who, scope)) => (who.fingerprint().0, who.sign(scope, kind.label(), &body)),
            None => (Make::make(tape, pool), Make::make(tape, pool)),
        };
        Self { kind, from, body: Blob::new(body).unwrap_or_default(), sig }
    }
}
