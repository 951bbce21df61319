//! The hub alone, with time as a number.

mod reading;

use proptest::prelude::*;
use standfast_wire::codec::Blob;
use standfast_wire::limits::{MAX_BOX, MAX_BUNDLE, MAX_MEDIA};
use standfast_wire::relay::{
    DeleteBundle, Delivered, Envelope, GetBundle, PutBundle, ReadAgain, SLOT_ACK, SLOT_HEARTBEAT,
    SLOT_LOG, pack_media,
};

use super::*;

const MEETING: MeetingId = [1; 16];
const SESSION: SessionId = [2; 32];
const PREIMAGE: [u8; 32] = [3; 32];

fn end_hash() -> [u8; 32] {
    Sha256::digest(end_hash_input(&PREIMAGE)).into()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

struct World {
    hub: Hub,
    now: Duration,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self { hub: Hub::new(limits, [0; 32]), now: secs(1) }
    }

    fn join(&mut self, pseudonym: u8) -> ConnectionId {
        self.join_with(MEETING, pseudonym, vec![]).unwrap()
    }

    fn join_with(
        &mut self,
        meeting_id: MeetingId,
        pseudonym: u8,
        have: Vec<BoardPosition>,
    ) -> Result<ConnectionId, ErrorCode> {
        self.hub.admit(Admitted { meeting_id, pseudonym: [pseudonym; 32], have }, self.now)
    }

    fn say(&mut self, id: ConnectionId, message: impl Into<ToRelay>) {
        let message = Bytes::from(pack(&message.into()));
        self.hub.receive(id, &message, self.now).unwrap();
    }

    fn open(&mut self, id: ConnectionId) {
        self.say(id, OpenSession { request: 0, session_id: SESSION, end_hash: end_hash() });
    }

    fn post(&mut self, id: ConnectionId, slot: u8, to: Option<u8>, text: &str) {
        let to = to.map(|to| [to; 32]);
        let sealed = Blob::new(text.as_bytes().to_vec()).unwrap();
        let envelope = Envelope { v: VERSION, session_id: SESSION, to, slot, sealed };
        self.say(id, Post { request: 0, envelope });
    }

    fn put_bundle(&mut self, id: ConnectionId, slot: u8, blob: &[u8]) {
        let blob = Blob::new(blob.to_vec()).unwrap();
        self.say(id, PutBundle { request: 0, slot: [slot; 32], blob });
    }

    fn bundle(&mut self, id: ConnectionId, slot: u8) -> Option<Vec<u8>> {
        self.heard(id);
        self.say(id, GetBundle { request: 0, slot: [slot; 32] });
        self.heard(id).into_iter().find_map(|message| match message {
            ToClient::Bundle(bundle) => bundle.blob.map(Blob::into_vec),
            _ => None,
        })
    }

    /// Everything that waits for a connection.
    fn heard(&mut self, id: ConnectionId) -> Vec<ToClient> {
        let mut all = Vec::new();
        loop {
            let batch = self.hub.take(id).unwrap();
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.control.iter().map(|message| {
                let Ok(Packet::Control(body)) = Packet::parse(message) else {
                    panic!("no control")
                };
                from_bytes(body).unwrap()
            }));
        }
    }

    /// The texts from boards that wait for a connection.
    fn texts(&mut self, id: ConnectionId) -> Vec<String> {
        let text = |message| match message {
            ToClient::Delivered(delivered) => Some(text(&delivered)),
            _ => None,
        };
        self.heard(id).into_iter().filter_map(text).collect()
    }

    fn refusals(&mut self, id: ConnectionId) -> Vec<ErrorCode> {
        let code = |message| match message {
            ToClient::Refused(refused) => Some(refused.code),
            _ => None,
        };
        self.heard(id).into_iter().filter_map(code).collect()
    }
}

fn text(delivered: &Delivered) -> String {
    String::from_utf8(delivered.envelope.sealed.as_slice().to_vec()).unwrap()
}

#[test]
fn a_late_joiner_gets_the_board_then_what_follows_in_order() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    w.open(a);
    w.post(a, SLOT_LOG, None, "open");
    w.post(a, SLOT_LOG, None, "announce");
    let b = w.join(2);
    w.post(a, SLOT_LOG, None, "later");
    let heard = w.heard(b);
    let ToClient::Welcome(welcome) = &heard[0] else { panic!("welcome first, not {heard:?}") };
    assert_eq!(welcome.boards.as_slice()[0].session_id, SESSION);
    assert_eq!(welcome.peers.as_slice()[0].pseudonym, [1; 32]);
    let shape: Vec<_> = heard[1..]
        .iter()
        .map(|message| match message {
            ToClient::Delivered(delivered) => text(delivered),
            ToClient::CaughtUp(_) => "caught up".into(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shape, ["open", "announce", "caught up", "later"]);
    assert!(w.texts(a).is_empty(), "nobody gets back what it said");
}

#[test]
fn of_a_slot_only_the_newest_of_each_sender_is_kept() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.open(a);
    for i in 0..5 {
        w.post(a, SLOT_HEARTBEAT, None, &format!("beat {i}"));
        w.post(a, SLOT_ACK, None, &format!("a acks {i}"));
        w.post(b, SLOT_ACK, None, &format!("b acks {i}"));
        w.post(a, SLOT_LOG, None, &format!("log {i}"));
    }
    let late = w.join(3);
    let expected = ["log 0", "log 1", "log 2", "log 3", "beat 4", "a acks 4", "b acks 4", "log 4"];
    assert_eq!(w.texts(late), expected);
    // One who listens all the time and is slow sees the same.
    assert_eq!(w.texts(b).last().map(String::as_str), Some("log 4"));
}

#[test]
fn a_reconnect_overwrites_its_own_slots() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    w.open(a);
    w.post(a, SLOT_HEARTBEAT, None, "old");
    let again = w.join(1);
    w.hub.gone(a, w.now);
    w.post(again, SLOT_HEARTBEAT, None, "new");
    let b = w.join(2);
    assert_eq!(w.texts(b), ["new"]);
}

#[test]
fn a_message_for_one_is_shown_to_that_one() {
    let mut w = World::new(Limits::default());
    let (a, b, c) = (w.join(1), w.join(2), w.join(3));
    w.open(a);
    w.post(a, SLOT_LOG, Some(2), "for b");
    w.post(a, SLOT_LOG, Some(4), "for d, who is not here yet");
    assert_eq!(w.texts(b), ["for b"]);
    assert!(w.texts(c).is_empty());
    let late = w.join(3);
    assert!(w.texts(late).is_empty());
    let d = w.join(4);
    assert_eq!(w.texts(d), ["for d, who is not here yet"]);
}

#[test]
fn the_preimage_deletes_the_board_after_the_last_words() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.open(a);
    w.heard(b);
    w.post(a, SLOT_LOG, None, "end");
    w.say(b, EndSession { session_id: SESSION, preimage: [0; 32] });
    assert_eq!(w.hub.counters().boards, 1);
    w.say(a, EndSession { session_id: SESSION, preimage: PREIMAGE });
    let heard = w.heard(b);
    let shape: Vec<_> = heard
        .iter()
        .filter_map(|message| match message {
            ToClient::Refused(refused) => Some(format!("{:?}", refused.code)),
            ToClient::Delivered(delivered) => Some(text(delivered)),
            ToClient::BoardGone(gone) => Some(format!("{:?}", gone.why)),
            _ => None,
        })
        .collect();
    assert_eq!(shape, ["WrongPreimage", "end", "Ended"]);
    let counters = w.hub.counters();
    assert_eq!((counters.boards, counters.board_bytes), (0, 0));
    w.post(a, SLOT_LOG, None, "too late");
    assert_eq!(w.refusals(a), [ErrorCode::NoSession]);
}

#[test]
fn a_board_outlives_its_meeting_by_ten_minutes() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    w.open(a);
    w.post(a, SLOT_LOG, None, "open");
    w.hub.gone(a, w.now);
    w.now += secs(599);
    w.hub.tick(w.now);
    let a = w.join(1);
    assert_eq!(w.texts(a), ["open"]);
    w.hub.gone(a, w.now);
    w.now += secs(600);
    w.hub.tick(w.now);
    assert_eq!(w.hub.counters(), Counters::default());
}

#[test]
fn opening_twice_is_once_and_another_end_hash_is_refused() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    w.open(a);
    w.post(a, SLOT_LOG, None, "open");
    w.open(a);
    assert!(w.refusals(a).is_empty());
    w.say(a, OpenSession { request: 0, session_id: SESSION, end_hash: [0; 32] });
    assert_eq!(w.refusals(a), [ErrorCode::SessionTaken]);
    let b = w.join(2);
    assert_eq!(w.texts(b), ["open"]);
}

#[test]
fn a_fifth_session_needs_an_idle_one() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    for i in 0..5 {
        w.say(a, OpenSession { request: 0, session_id: [i; 32], end_hash: end_hash() });
    }
    assert_eq!(w.refusals(a), [ErrorCode::TooManySessions]);
    w.now += secs(60);
    w.post(a, SLOT_LOG, None, "session 2 lives");
    w.say(a, OpenSession { request: 0, session_id: [9; 32], end_hash: end_hash() });
    let heard = w.heard(a);
    let evicted = heard.iter().find_map(|message| match message {
        ToClient::BoardGone(gone) => Some((gone.session_id, gone.why)),
        _ => None,
    });
    assert!(matches!(evicted, Some((id, BoardEnd::Evicted)) if id != SESSION), "{heard:?}");
    assert_eq!(w.hub.counters().boards, 4);
}

#[test]
fn a_full_board_refuses_and_slots_need_no_room() {
    let mut w = World::new(Limits { board_entries: 2, ..Limits::default() });
    let a = w.join(1);
    w.open(a);
    w.post(a, SLOT_LOG, None, "one");
    w.post(a, SLOT_HEARTBEAT, None, "beat");
    w.post(a, SLOT_HEARTBEAT, None, "beat again");
    assert!(w.refusals(a).is_empty());
    w.post(a, SLOT_LOG, None, "two");
    assert_eq!(w.refusals(a), [ErrorCode::BoardFull]);
}

#[test]
fn media_goes_to_the_others_of_the_meeting_only() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    let elsewhere = w.join_with([7; 16], 3, vec![]).unwrap();
    let frame = Bytes::from(pack_media(b"frame"));
    w.hub.receive(a, &frame, w.now).unwrap();
    let media = |w: &mut World, id| w.hub.take(id).unwrap().media;
    assert_eq!(media(&mut w, b), [frame]);
    assert!(media(&mut w, a).is_empty());
    assert!(media(&mut w, elsewhere).is_empty());
}

#[test]
fn a_slow_receiver_loses_the_oldest_frames() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    for i in 0..40 {
        w.hub.receive(a, &Bytes::from(pack_media(&[i])), w.now).unwrap();
    }
    let mut got = Vec::new();
    loop {
        let batch = w.hub.take(b).unwrap();
        if batch.is_empty() {
            break;
        }
        assert!(batch.media.len() <= 5);
        got.extend(batch.media.iter().map(|frame| frame[1]));
    }
    assert_eq!(got, (15..40).collect::<Vec<u8>>());
    assert_eq!(w.hub.counters().frames_stale, 15);
}

#[test]
fn too_much_media_is_dropped_at_its_sender() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    let mut passed = 0;
    for i in 0..10_000_u64 {
        w.now += Duration::from_millis(1);
        w.hub.receive(a, &Bytes::from(pack_media(&[0; 100])), w.now).unwrap();
        passed += w.hub.take(b).unwrap().media.len();
        assert!(i > 0 || passed == 1);
    }
    // 60 at once and 120 a second for ten seconds.
    assert!((1_255..=1_262).contains(&passed), "{passed}");
}

#[test]
fn too_much_control_makes_the_relay_pause_reading() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    let get = Bytes::from(pack(&ToRelay::from(GetBundle { request: 0, slot: [0; 32] })));
    let mut until = w.now;
    for _ in 0..256 {
        until = w.hub.receive(a, &get, w.now).unwrap();
        w.heard(a);
    }
    assert!(until <= w.now);
    assert!(w.hub.receive(a, &get, w.now).unwrap() > w.now);
}

#[test]
fn who_does_not_take_its_answers_is_closed_alone() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    for _ in 0..300 {
        w.say(a, GetBundle { request: 0, slot: [0; 32] });
    }
    assert!(matches!(w.hub.take(a), Err(Fault::TooSlow)));
    w.hub.gone(a, w.now);
    assert!(matches!(w.heard(b).last(), Some(ToClient::PeerGone(_))));
}

#[test]
fn a_bundle_slot_belongs_to_its_first_writer() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.put_bundle(a, 5, b"first");
    w.put_bundle(a, 5, b"second");
    w.put_bundle(b, 5, b"foreign");
    w.say(b, DeleteBundle { request: 0, slot: [5; 32] });
    assert_eq!(w.refusals(b), [ErrorCode::SlotTaken, ErrorCode::SlotTaken]);
    assert_eq!(w.bundle(b, 5).as_deref(), Some(&b"second"[..]));
    w.say(a, DeleteBundle { request: 0, slot: [5; 32] });
    assert_eq!(w.bundle(b, 5), None);
    assert_eq!(w.hub.counters().bundle_bytes, 0);
    w.put_bundle(b, 5, b"free again");
    assert_eq!(w.bundle(a, 5).as_deref(), Some(&b"free again"[..]));
}

#[test]
fn bundles_survive_sessions_and_connections_and_expire() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    w.open(a);
    w.put_bundle(a, 5, b"bundle");
    w.say(a, EndSession { session_id: SESSION, preimage: PREIMAGE });
    w.hub.gone(a, w.now);
    w.now += secs(119 * 3600);
    w.hub.tick(w.now);
    let b = w.join(2);
    assert_eq!(w.bundle(b, 5).as_deref(), Some(&b"bundle"[..]));
    assert_eq!(w.join_with([7; 16], 2, vec![]).map(|c| w.bundle(c, 5)), Ok(None), "per meeting");
    w.now += secs(3600);
    w.hub.tick(w.now);
    assert_eq!(w.bundle(b, 5), None);
}

#[test]
fn bundles_are_bounded() {
    let mut w = World::new(Limits { bundles_per_meeting: 6, ..Limits::default() });
    let (a, b) = (w.join(1), w.join(2));
    for slot in 0..5 {
        w.put_bundle(a, slot, b"x");
    }
    for slot in 10..15 {
        w.put_bundle(b, slot, b"x");
    }
    assert_eq!(w.refusals(a), [ErrorCode::TooManyBundles]);
    assert_eq!(w.refusals(b).len(), 3);
    let mut w = World::new(Limits { all_bundle_bytes: 10_000, ..Limits::default() });
    let a = w.join(1);
    for slot in 0..4 {
        w.put_bundle(a, slot, &[0; MAX_BUNDLE]);
    }
    assert_eq!(w.refusals(a), [ErrorCode::TooManyBundles, ErrorCode::TooManyBundles]);
}

#[test]
fn a_meeting_and_a_pseudonym_have_so_many_connections() {
    let mut w = World::new(Limits { connections_per_meeting: 6, ..Limits::default() });
    let first = w.join(1);
    for _ in 0..4 {
        w.join(1);
    }
    assert!(matches!(w.hub.take(first), Err(Fault::Replaced)));
    assert_eq!(w.hub.counters().connections, 4);
    w.join(2);
    w.join(3);
    assert_eq!(w.join_with(MEETING, 4, vec![]), Err(ErrorCode::MeetingFull));
    assert!(w.join_with([7; 16], 4, vec![]).is_ok());
}

#[test]
fn a_fault_is_the_senders_own() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.heard(b);
    let mut fault = |bytes: &[u8]| w.hub.receive(a, &Bytes::copy_from_slice(bytes), w.now);
    assert_eq!(fault(&[]), Err(Fault::Unknown));
    assert_eq!(fault(&[9]), Err(Fault::Unknown));
    assert_eq!(fault(&[0, 1, 2, 3]), Err(Fault::Malformed));
    assert_eq!(fault(&[1; MAX_MEDIA + 1]), Err(Fault::TooLong));
    w.open(a);
    let sealed = Blob::new(vec![]).unwrap();
    let envelope = Envelope { v: 2, session_id: SESSION, to: None, slot: 0, sealed };
    let post = Bytes::from(pack(&ToRelay::from(Post { request: 0, envelope })));
    assert_eq!(w.hub.receive(a, &post, w.now), Err(Fault::NotAllowed));
    w.hub.gone(a, w.now);
    assert_eq!(w.hub.receive(a, &post, w.now), Err(Fault::Replaced));
    assert!(w.texts(b).is_empty());
}

#[test]
fn the_driver_is_told_once_who_has_something_to_take() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.heard(a);
    w.heard(b);
    w.hub.woken().for_each(drop);
    for _ in 0..3 {
        w.hub.receive(a, &Bytes::from(pack_media(b"x")), w.now).unwrap();
    }
    assert_eq!(w.hub.woken().collect::<Vec<_>>(), [b]);
    assert!(!w.hub.take(b).unwrap().is_empty());
    w.hub.receive(a, &Bytes::from(pack_media(b"x")), w.now).unwrap();
    assert_eq!(w.hub.woken().count(), 0, "it comes again by itself until it finds nothing");
    assert!(!w.hub.take(b).unwrap().is_empty());
    assert!(w.hub.take(b).unwrap().is_empty());
    w.hub.receive(a, &Bytes::from(pack_media(b"x")), w.now).unwrap();
    assert_eq!(w.hub.woken().collect::<Vec<_>>(), [b]);
}

/// One thing that can happen to a hub.
#[derive(Debug, Clone)]
enum Step {
    Join { meeting: u8, pseudonym: u8, seq: u64 },
    Say { who: usize, message: ToRelay },
    Raw { who: usize, bytes: Vec<u8> },
    Take { who: usize },
    Gone { who: usize },
    Pass { secs: u32 },
}

fn any_message() -> impl Strategy<Value = ToRelay> {
    let small = || 0..6_u8;
    let body = prop_oneof![Just(0_usize), Just(100), Just(MAX_BOX)];
    prop_oneof![
        (small(), small()).prop_map(|(session, hash)| ToRelay::from(OpenSession {
            request: 0,
            session_id: [session; 32],
            end_hash: if hash == 0 { [0; 32] } else { end_hash() },
        })),
        (small(), small()).prop_map(|(session, preimage)| ToRelay::from(EndSession {
            session_id: [session; 32],
            preimage: [preimage; 32],
        })),
        (small(), proptest::option::of(small()), small(), body).prop_map(
            |(session, to, slot, len)| ToRelay::from(Post {
                request: 0,
                envelope: Envelope {
                    v: VERSION,
                    session_id: [session; 32],
                    to: to.map(|to| [to; 32]),
                    slot,
                    sealed: Blob::new(vec![0; len]).unwrap(),
                },
            })
        ),
        (small(), 0..MAX_BUNDLE).prop_map(|(slot, len)| ToRelay::from(PutBundle {
            request: 0,
            slot: [slot; 32],
            blob: Blob::new(vec![0; len]).unwrap(),
        })),
        small().prop_map(|slot| ToRelay::from(GetBundle { request: 0, slot: [slot; 32] })),
        Just(ToRelay::from(ReadAgain { request: 0 })),
        small().prop_map(|slot| ToRelay::from(DeleteBundle { request: 0, slot: [slot; 32] })),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = || 0..12_usize;
    prop_oneof![
        2 => (0..3_u8, 0..6_u8, 0..9_u64)
            .prop_map(|(meeting, pseudonym, seq)| Step::Join { meeting, pseudonym, seq }),
        12 => (who(), any_message()).prop_map(|(who, message)| Step::Say { who, message }),
        3 => (who(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(who, bytes)| Step::Raw { who, bytes }),
        3 => (who(), 0..40_usize)
            .prop_map(|(who, len)| Step::Raw { who, bytes: pack_media(&vec![0; len]) }),
        3 => who().prop_map(|who| Step::Take { who }),
        1 => who().prop_map(|who| Step::Gone { who }),
        1 => (0..700_u32).prop_map(|secs| Step::Pass { secs }),
    ]
}

fn tight() -> Limits {
    Limits {
        connections_per_meeting: 5,
        connections_per_pseudonym: 2,
        board_entries: 8,
        board_bytes: 200_000,
        boards: 6,
        all_board_bytes: 400_000,
        bundles_per_meeting: 4,
        bundles_per_pseudonym: 2,
        all_bundle_bytes: 20_000,
        reply_queue: 16,
        ..Limits::default()
    }
}

fn check_bounds(hub: &Hub, limits: &Limits) {
    let counters = hub.counters();
    assert!(counters.boards <= limits.boards);
    // The sum is checked before a message is stored, so it may be over by one message.
    assert!(counters.board_bytes <= limits.all_board_bytes + MAX_BOX + 1024);
    assert!(counters.bundle_bytes <= limits.all_bundle_bytes);
    let boards: Vec<_> = hub.meetings.values().flat_map(|m| &m.boards).collect();
    assert_eq!(boards.len(), counters.boards);
    assert_eq!(boards.iter().map(|b| b.bytes()).sum::<usize>(), counters.board_bytes);
    assert!(boards.iter().all(|b| b.bytes() <= limits.board_bytes));
    let bundles: usize = hub.meetings.values().map(|m| m.bundles.bytes()).sum();
    assert_eq!(bundles, counters.bundle_bytes);
    for (id, connection) in &hub.connections {
        assert!(connection.replies.len() <= limits.reply_queue);
        assert!(connection.hints.len() <= limits.reply_queue);
        assert!(connection.media.len() <= limits.media_queue);
        let meeting = &hub.meetings[&connection.meeting];
        assert!(meeting.connections.contains(id));
        assert_eq!(connection.cursors.len(), meeting.boards.len());
    }
    for meeting in hub.meetings.values() {
        assert!(!meeting.is_over(), "an empty meeting is forgotten");
        assert!(meeting.connections.len() <= limits.connections_per_meeting);
        assert!(meeting.boards.len() <= MAX_SESSIONS);
    }
}

proptest! {
    #[test]
    fn whatever_happens_everything_stays_bounded(steps in prop::collection::vec(any_step(), 0..200)) {
        let limits = tight();
        let mut w = World::new(limits.clone());
        let mut ids: Vec<ConnectionId> = Vec::new();
        for step in steps {
            match step {
                Step::Join { meeting, pseudonym, seq } => {
                    let boards = w.hub.meetings.get(&[meeting; 16]).map_or(&[][..], |m| &m.boards);
                    let have =
                        boards.iter().map(|b| BoardPosition { board_id: b.id, seq }).collect();
                    ids.extend(w.join_with([meeting; 16], pseudonym, have));
                }
                Step::Say { who, message } => {
                    if let Some(id) = ids.get(who) {
                        let _ = w.hub.receive(*id, &Bytes::from(pack(&message)), w.now);
                    }
                }
                Step::Raw { who, bytes } => {
                    if let Some(id) = ids.get(who) {
                        let _ = w.hub.receive(*id, &Bytes::from(bytes), w.now);
                    }
                }
                Step::Take { who } => {
                    if let Some(id) = ids.get(who) {
                        let _ = w.hub.take(*id);
                    }
                }
                Step::Gone { who } => {
                    if who < ids.len() {
                        w.hub.gone(ids.swap_remove(who), w.now);
                    }
                }
                Step::Pass { secs: passed } => {
                    w.now += secs(passed.into());
                    w.hub.tick(w.now);
                }
            }
            w.hub.woken().for_each(drop);
            check_bounds(&w.hub, &limits);
        }
        for id in ids {
            w.hub.gone(id, w.now);
        }
        w.now += secs(200 * 3600);
        w.hub.tick(w.now);
        let left = w.hub.counters();
        prop_assert_eq!((left.connections, left.meetings, left.boards), (0, 0, 0));
        prop_assert_eq!((left.board_bytes, left.bundle_bytes), (0, 0));
    }
}
