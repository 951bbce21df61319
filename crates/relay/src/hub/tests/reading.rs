//! Reading on after a reconnect, and reading again.

use super::*;

#[test]
fn a_reconnect_reads_on_where_it_was() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.open(a);
    w.post(a, SLOT_LOG, None, "one");
    let board_id = w
        .heard(b)
        .into_iter()
        .find_map(|message| match message {
            ToClient::Delivered(delivered) => Some(delivered.board_id),
            _ => None,
        })
        .unwrap();
    w.post(a, SLOT_LOG, None, "two");
    let on = |seq| vec![BoardPosition { board_id, seq }];
    let again = w.join_with(MEETING, 2, on(1)).unwrap();
    assert_eq!(w.texts(again), ["two"]);
    let ahead = w.join_with(MEETING, 2, on(u64::MAX)).unwrap();
    assert!(w.texts(ahead).is_empty());
    w.post(a, SLOT_LOG, None, "three");
    assert_eq!(w.texts(ahead), ["three"], "a number that cannot be is no way to miss anything");
    let other = vec![BoardPosition { board_id: [0; 16], seq: 9 }];
    let elsewhere = w.join_with(MEETING, 2, other).unwrap();
    assert_eq!(w.texts(elsewhere), ["one", "two", "three"]);
}

#[test]
fn who_reads_again_gets_the_whole_board_and_keeps_its_connection() {
    let mut w = World::new(Limits::default());
    let (a, b) = (w.join(1), w.join(2));
    w.open(a);
    w.post(a, SLOT_LOG, None, "one");
    w.post(b, SLOT_LOG, None, "mine");
    assert_eq!(w.texts(b), ["one"]);
    w.say(b, ReadAgain { request: 7 });
    w.post(b, SLOT_LOG, None, "mine, later");
    let heard = w.heard(b);
    assert!(heard.iter().any(|m| matches!(m, ToClient::Done(done) if done.request == 7)));
    let at = |wanted: &str| {
        let is = |m: &ToClient| matches!(m, ToClient::Delivered(d) if text(d) == wanted);
        heard.iter().position(is)
    };
    let caught_up = heard.iter().position(|m| matches!(m, ToClient::CaughtUp(_)));
    assert!(at("one") < at("mine") && at("mine") < caught_up && at("one").is_some());
    assert_eq!(at("mine, later"), None, "it is no part of what was there");
    assert!(w.heard(a).iter().all(|m| !matches!(m, ToClient::PeerGone(_))));
    w.post(a, SLOT_LOG, None, "two");
    assert_eq!(w.texts(b), ["two"], "once");
}

#[test]
fn who_reads_a_long_board_again_still_gets_the_farewell() {
    let limits = Limits::default();
    let room = limits.reply_queue;
    let mut w = World::new(limits);
    let (a, b) = (w.join(1), w.join(2));
    w.open(a);
    for n in 0..room {
        w.post(a, SLOT_LOG, None, &n.to_string());
        w.heard(a);
    }
    assert_eq!(w.texts(b).len(), room);
    w.say(b, ReadAgain { request: 7 });
    w.post(a, SLOT_LOG, None, "end");
    w.say(a, EndSession { session_id: SESSION, preimage: PREIMAGE });
    assert_eq!(w.texts(b), ["end"]);
}

#[test]
fn who_reads_again_and_again_is_closed() {
    let mut w = World::new(Limits::default());
    let a = w.join(1);
    let read = |w: &mut World| {
        let message = Bytes::from(pack(&ToRelay::from(ReadAgain { request: 0 })));
        w.hub.receive(a, &message, w.now)
    };
    let times = (0..100).take_while(|_| read(&mut w).is_ok()).count();
    assert!((3..10).contains(&times), "{times}");
    assert_eq!(read(&mut w), Err(Fault::NotAllowed));
    w.now += secs(15);
    assert!(read(&mut w).is_ok(), "as often as a member does");
}
