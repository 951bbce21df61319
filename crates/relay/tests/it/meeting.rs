//! What a meeting needs.

use sha2::{Digest, Sha256};
use standfast_relay::limits::{Limits, Rate};
use standfast_relay::{Config, Handle};
use standfast_wire::codec::Blob;
use standfast_wire::relay::{
    EndSession, GetBundle, Post, PutBundle, SLOT_HEARTBEAT, ToClient, end_hash_input,
};

use crate::client::{Client, Heard, SESSION, envelope, patiently, pseudonym, start};

#[tokio::test]
async fn a_late_joiner_gets_the_board_and_then_what_follows() {
    let relay = start(Config::default()).await;
    let mut a = Client::join(relay.local_addr(), 1).await;
    a.open([0; 32]).await;
    a.post("open").await;
    for beat in ["beat 1", "beat 2"] {
        a.say(Post { request: 0, envelope: envelope(SLOT_HEARTBEAT, None, beat) }).await;
    }
    a.say(Post { request: 0, envelope: envelope(0, Some(pseudonym(3)), "for c") }).await;
    a.post("announce").await;
    let posted = |message: &ToClient| matches!(message, ToClient::Posted(p) if p.seq == 5);
    a.control(posted).await;

    let (mut b, welcome) = Client::join_and_see(relay.local_addr(), 2).await;
    assert_eq!(welcome.boards.as_slice()[0].session_id, SESSION);
    for text in ["open", "beat 2", "announce"] {
        assert_eq!(b.next_text().await, text);
    }
    b.control(|message| matches!(message, ToClient::CaughtUp(_))).await;
    a.post("later").await;
    assert_eq!(b.next_text().await, "later");

    let mut c = Client::join(relay.local_addr(), 3).await;
    for text in ["open", "beat 2", "for c", "announce", "later"] {
        assert_eq!(c.next_text().await, text);
    }
}

#[tokio::test]
async fn media_goes_to_everyone_else() {
    let relay = start(Config::default()).await;
    let mut clients = Vec::new();
    for n in 1..=4 {
        clients.push(Client::join(relay.local_addr(), n).await);
    }
    for speaker in 0..4_u8 {
        clients[usize::from(speaker)].media(&[speaker]).await;
        for (i, listener) in clients.iter_mut().enumerate() {
            if i != usize::from(speaker) {
                // If anybody heard itself, the number would be wrong.
                assert_eq!(listener.next_media().await, [speaker]);
            }
        }
    }
}

#[tokio::test]
async fn people_come_and_go() {
    let relay = start(Config::default()).await;
    let mut a = Client::join(relay.local_addr(), 1).await;
    let b = Client::join(relay.local_addr(), 2).await;
    let here = a.control(|message| matches!(message, ToClient::PeerHere(_))).await;
    drop(b);
    let gone = a.control(|message| matches!(message, ToClient::PeerGone(_))).await;
    let (ToClient::PeerHere(here), ToClient::PeerGone(gone)) = (here, gone) else { panic!() };
    assert_eq!((here.peer.pseudonym, &here.peer), (pseudonym(2), &gone.peer));
}

#[tokio::test]
async fn bundles_outlive_their_writer_and_the_end_hash_deletes_the_board() {
    let relay = start(Config::default()).await;
    let preimage = [5; 32];
    let mut a = Client::join(relay.local_addr(), 1).await;
    let blob = Blob::new(b"bundle".to_vec()).unwrap();
    a.say(PutBundle { request: 7, slot: [4; 32], blob: blob.clone() }).await;
    a.control(|message| matches!(message, ToClient::Done(done) if done.request == 7)).await;
    a.open(Sha256::digest(end_hash_input(&preimage)).into()).await;
    a.post("open").await;
    a.say(EndSession { session_id: SESSION, preimage }).await;
    a.control(|message| matches!(message, ToClient::BoardGone(_))).await;
    drop(a);

    let (mut b, welcome) = Client::join_and_see(relay.local_addr(), 2).await;
    assert!(welcome.boards.as_slice().is_empty());
    b.say(GetBundle { request: 8, slot: [4; 32] }).await;
    let answer = b.control(|message| matches!(message, ToClient::Bundle(_))).await;
    let ToClient::Bundle(answer) = answer else { panic!() };
    assert_eq!((answer.request, answer.blob), (8, Some(blob)));
}

#[tokio::test]
async fn a_relay_that_stops_says_so_and_closes() {
    let relay = start(Config::default()).await;
    let mut a = Client::join(relay.local_addr(), 1).await;
    let address = relay.local_addr();
    let listen = async {
        a.control(|message| matches!(message, ToClient::Closing(_))).await;
        a.closed().await
    };
    let (code, ()) = patiently(futures_util::future::join(listen, relay.shutdown())).await;
    assert_eq!(code, Some(1001));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

fn without_media_rates() -> Config {
    let media = Rate { per_second: 1_000_000, burst: 1_000_000 };
    let media_bytes = Rate { per_second: 1 << 30, burst: 1 << 30 };
    Config { limits: Limits { media, media_bytes, ..Limits::default() }, ..Config::default() }
}

async fn speak_past_a_sleeper(relay: &Handle, frames: u32) -> Client {
    let mut a = Client::join(relay.local_addr(), 1).await;
    let mut b = Client::join(relay.local_addr(), 2).await;
    let sleeper = Client::join(relay.local_addr(), 3).await;
    for i in 0..frames {
        let mut frame = vec![0; 1_400];
        frame[..4].copy_from_slice(&i.to_be_bytes());
        a.media(&frame).await;
        // One at a time: what comes late here has waited for the sleeper.
        assert_eq!(b.next_media().await[..4], i.to_be_bytes());
    }
    sleeper
}

#[tokio::test]
async fn one_who_stops_reading_holds_up_nobody_and_wakes_to_what_is_fresh() {
    const FRAMES: u32 = 4_000;
    let relay = start(without_media_rates()).await;
    let mut sleeper = speak_past_a_sleeper(&relay, FRAMES).await;
    let mut numbers = Vec::new();
    while numbers.last() != Some(&(FRAMES - 1)) {
        let frame = sleeper.next_media().await;
        numbers.push(u32::from_be_bytes(frame[..4].try_into().unwrap()));
    }
    assert!(numbers.is_sorted());
    assert!(numbers.len() < FRAMES as usize / 2, "{} frames were kept for it", numbers.len());
    let fresh = numbers.iter().filter(|n| **n >= FRAMES - 25).count();
    assert_eq!(fresh, 25, "the newest half second is there");
}

#[tokio::test]
async fn nothing_is_heard_twice_or_by_oneself() {
    let relay = start(Config::default()).await;
    let mut a = Client::join(relay.local_addr(), 1).await;
    let mut b = Client::join(relay.local_addr(), 2).await;
    a.open([0; 32]).await;
    a.post("one").await;
    a.media(b"frame").await;
    a.post("two").await;
    b.next_media().await;
    b.post("done").await;
    let mut others = Vec::new();
    loop {
        match a.hear().await {
            Heard::Control(ToClient::Delivered(delivered)) => {
                assert_eq!(delivered.envelope.sealed.as_slice(), b"done");
                break;
            }
            other => others.push(other),
        }
    }
    let echo = |heard: &Heard| matches!(heard, Heard::Media(_));
    assert!(!others.iter().any(echo), "{others:?}");
}
