//! Seeds from real values: what a short meeting put on its board, and what devices write.

use standfast_client::journal;
use standfast_client::pairing::DeviceInvite;
use standfast_crypto::{Fingerprint, Link, PairingCode};
use standfast_frame::Payload;
use standfast_media::{Encoder, FRAME_SAMPLES};
use standfast_wire::codec::{from_bytes, to_bytes};
use standfast_wire::control::{Bundle, JoinRequest, Kind, PrekeyBundle};
use standfast_wire::relay::{OpenSession, Post, ToRelay, pack};

use crate::stage::{Seeded, Stage, ident, identity};

/// Target, name and content.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = texts();
    seeds.extend(commands());
    seeds.extend(from_a_meeting());
    seeds.extend(media());
    seeds.extend(tapes());
    seeds
}

fn seed(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Seed {
    (target, name.into(), bytes.into())
}

fn texts() -> Vec<Seed> {
    let fp = Fingerprint([1; 32]);
    let link = Link::create("relay.example:7440", fp, None, &mut Seeded(1, 0));
    let local = Link::create("[::1]:7440", fp, Some([2; 32]), &mut Seeded(1, 0));
    let code = PairingCode::generate(&mut Seeded(2, 0));
    let text = link.to_text();
    vec![
        seed("qr", "key", fp.qr_text()),
        seed("link", "link", text.as_bytes()),
        seed("link", "local", local.to_text().as_bytes()),
        seed("device_text", "code", code.text().as_bytes()),
        seed("device_text", "full", DeviceInvite::write(fp, &code.text(), &text).as_bytes()),
        seed("device_text", "bare", DeviceInvite::write(fp, "", &text).as_bytes()),
        seed("passphrase", "plain", "correct horse"),
        seed("passphrase", "composed", "Cafe\u{301}\u{a0}am  Meer\n"),
    ]
}

fn commands() -> Vec<Seed> {
    let texts = [
        r#"{"kind":"finish_first_run"}"#,
        r#"{"kind":"set_name","name":"Mina"}"#,
        r#"{"kind":"passphrase_unlock","passphrase":"correct horse"}"#,
        r#"{"kind":"choose_input","choice":{"kind":"default"}}"#,
        r#"{"kind":"leave"}"#,
    ];
    texts.iter().enumerate().map(|(n, text)| seed("command", format!("{n}"), *text)).collect()
}

fn from_a_meeting() -> Vec<Seed> {
    let mut stage = Stage::new();
    let mut seeds = Vec::new();
    let kinds = [
        Kind::Open,
        Kind::Join,
        Kind::Announce,
        Kind::Wrap,
        Kind::Ack,
        Kind::Arrival,
        Kind::Heartbeat,
    ];
    for (place, kind) in kinds.into_iter().enumerate() {
        if let Some(sealed) = stage.newest(kind) {
            let body = [&[place as u8], sealed.body.as_slice()].concat();
            seeds.push(seed("body", kind.label(), body));
            seeds.push(seed("packet", kind.label(), to_bytes(sealed)));
        }
    }
    if let Some((_, envelope)) = stage.board.first() {
        let post = Post { request: 1, envelope: envelope.clone() };
        seeds.push(seed("packet", "envelope", to_bytes(envelope)));
        seeds.push(seed("packet", "post", pack(&ToRelay::from(post))));
    }
    let open = OpenSession { request: 1, session_id: [1; 32], end_hash: [2; 32] };
    seeds.push(seed("packet", "open-session", pack(&ToRelay::from(open))));
    let joined = stage.newest(Kind::Join);
    if let Some(join) = joined.and_then(|s| from_bytes::<JoinRequest>(s.body.as_slice()).ok()) {
        let Bundle { bundle_id, ek, pk } = join.bundle;
        let bundle = Bundle { bundle_id, ek, pk };
        let prekey = PrekeyBundle { ident: ident(&identity("mina")), seq: 1, bundle };
        seeds.push(seed("prekey", "bundle", to_bytes(&prekey)));
    }
    let journal = stage.ines.signed_journal();
    seeds.push(seed("journal", "whole", journal.to_bytes()));
    seeds.push(seed("journal", "row", journal::pack(serde_json::Value::Null, &journal)));
    seeds.push(seed("journal_text", "whole", journal::to_json(&journal).to_string()));
    let exhibits = crate::kept::exhibits(&stage);
    let named = exhibits.into_iter().enumerate();
    seeds.extend(named.map(|(n, e)| seed("evidence", format!("{n}"), e.to_bytes())));
    seeds
}

fn media() -> Vec<Seed> {
    let mut payload = Vec::new();
    let _ = Payload::write(&mut payload, 200, 960, 0, &[b"first", b"second"]);
    let mut seeds = vec![seed("payload", "two", payload)];
    // Four packets of a tone, each followed by two pulls.
    let mut tape = 0_u32.to_be_bytes().to_vec();
    if let Ok(mut encoder) = Encoder::new() {
        for n in 0..4 {
            let tone = |at: usize| ((n * FRAME_SAMPLES + at) as f32 * 0.03).sin() * 0.3;
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(tone);
            let Ok(packet) = encoder.encode(&frame) else { continue };
            tape.push(0);
            tape.extend_from_slice(&(packet.len() as u16).to_be_bytes());
            tape.extend_from_slice(&packet);
            tape.extend_from_slice(&[7, 7]);
        }
    }
    seeds.push(seed("media", "tone", tape));
    seeds
}

/// Sequences of decisions, each with all kinds of step in it.
fn tapes() -> Vec<Seed> {
    let steps = |count: u8, args: usize| -> Vec<u8> {
        (0..count).flat_map(|step| [vec![step], vec![step; args]].concat()).collect()
    };
    let marker =
        br#"{"version":1,"kept_in":"file","backend":"file","since_ms":1,"key_check":"00"}"#;
    let content = [&[7; 32][..], &[8], b"bundle/1", &[3, 0], b"abc"].concat();
    let wraps = vec![0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0];
    let kinds =
        |then: u8| (0..21).flat_map(|kind| [0, kind, then, 0, 0, 0, 0, 0]).collect::<Vec<u8>>();
    // One order (the 13th kind) to have one, then orders made anew: to admit each thing that the
    // harness knows; then two seconds.
    let first = vec![0, 12, 0, 0, 0, 0, 0, 0, 0];
    let admit = |known: u8| [0, 12, 0, 255, 0, 0, known, 0, 0, 0];
    let admit = [first, (0..40).flat_map(admit).collect(), vec![13, 250]].concat();
    vec![
        seed("member", "admit", admit.clone()),
        seed("generator", "admit", admit),
        seed("value", "all", steps(21, 40)),
        seed("frame", "steps", [steps(6, 4), vec![0, 0, 3, 1, 2, 3, 5, 0, 5, 0]].concat()),
        seed("control_box", "short", vec![0, 5, 1, 2, 3, 4, 5, 1, 0, 3, 9]),
        seed("wrap", "in-order", wraps),
        seed("vault", "marker", &marker[..]),
        seed("vault", "content", content),
        seed("journal_text", "changes", steps(12, 3)),
        seed("hub", "steps", [steps(12, 6), steps(12, 3), vec![0; 40]].concat()),
        seed("hub", "everything", everything_at_the_hub()),
        seed("login", "fields", vec![0, 6, 2, 0, 1, 0, 2, 0, 0]),
        seed("outsider", "kinds", kinds(0)),
        seed("outsider", "steps", steps(16, 12)),
        seed("member", "kinds", kinds(0)),
        seed("member", "varied", kinds(240)),
        seed("member", "steps", steps(16, 12)),
        seed("generator", "kinds", kinds(0)),
        seed("generator", "varied", kinds(240)),
        seed("generator", "steps", steps(16, 12)),
    ]
}

/// Two clients of one meeting: a board, a post, a bundle put, got and deleted, frames, the end.
fn everything_at_the_hub() -> Vec<u8> {
    // The first byte picks the connection, 9 says a composed message.
    let say = |who: u8, message: &[u8]| [&[who, 9, 1][..], message].concat();
    let steps = [
        vec![0, 0, 1, 0],
        vec![0, 0, 1, 1, 0],
        say(0, &[0, 2, 3]),
        say(0, &[5, 0, 0, 2, 0, 0, 4, 1, 2, 3, 4]),
        say(0, &[2, 1, 0, 3, 7, 7, 7]),
        say(1, &[3, 1]),
        say(0, &[4, 1]),
        vec![0, 8, 0, 4, 1, 2, 3, 4],
        vec![0, 5, 1, 5],
        say(0, &[1, 2, 3]),
        vec![0, 5, 1, 5],
    ];
    steps.concat()
}
