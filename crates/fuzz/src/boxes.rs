//! Boxes, prekey bundles and wraps: what is opened before anybody is known.

use std::sync::LazyLock;

use standfast_crypto::{
    Contact, EpochSecret, Fingerprint, GeneratorKey, Identity, KEM_CIPHERTEXT, Link, MAX_SKIP,
    PrivateBundle, PublicBundle, PublicIdentity, ReceiveChain, SendChain, Wrapped,
};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{KeyWrap, PrekeyBundle};

use crate::Tape;
use crate::stage::{Seeded, identity};

/// A control box: nothing opens but what was sealed, and what was sealed opens to itself.
pub(crate) fn control_box(bytes: &[u8]) {
    static LINK: LazyLock<Link> =
        LazyLock::new(|| Link::create("relay.test", Fingerprint([1; 32]), None, &mut Seeded(9, 0)));
    let key = LINK.keys().control(&[1; 32]);
    let mut tape = Tape::new(bytes);
    let content = tape.blob(700);
    let mut boxed = key.seal(b"aad", &content, &mut Seeded(1, 0));
    assert!(key.open(b"aad", &boxed).as_ref() == Ok(&content));
    assert!(boxed.len() <= content.len() + 256 + 12 + 16 + 4, "a box grew");
    let honest = boxed.clone();
    for _ in 0..tape.byte() % 4 {
        let at = usize::from(tape.u16()) % boxed.len();
        boxed[at] ^= tape.byte();
    }
    boxed.truncate(boxed.len().saturating_sub(usize::from(tape.byte() % 4)));
    assert!(boxed == honest || key.open(b"aad", &boxed).is_err(), "a changed box opened");
    assert!(key.open(b"aad", bytes).is_err(), "a box that nobody sealed opened");
}

/// A prekey bundle as it lies in the relay's slot, and the contact that a generator makes with it.
pub(crate) fn prekey(bytes: &[u8]) {
    let Ok(prekey) = from_bytes::<PrekeyBundle>(bytes) else { return };
    let ident = prekey.ident;
    let bundle = prekey.bundle;
    let bundle = PublicBundle::check(bundle.bundle_id, bundle.ek, bundle.pk);
    let person = PublicIdentity::check(ident.iks, ident.ikd, ident.cert);
    let (Ok(bundle), Ok(person)) = (bundle, person) else { return };
    let me = identity("ines");
    let mut rng = Seeded(2, 0);
    let gen_key = GeneratorKey::generate(&mut rng);
    let made = with_contact(|c| SendChain::contact(&me, &gen_key, &person, &bundle, c, &mut rng));
    assert!(made.is_ok(), "a bundle that was checked is of no use");
}

fn with_contact<T>(make: impl FnOnce(&Contact<'_>) -> T) -> T {
    static LINK: LazyLock<Link> =
        LazyLock::new(|| Link::create("relay.test", Fingerprint([1; 32]), None, &mut Seeded(9, 0)));
    make(&Contact {
        meeting_id: &[1; 16],
        session_id: &[2; 32],
        link_psk: LINK.keys().psk(),
        join_nonce: &[3; 16],
        term: 1,
    })
}

struct Pair {
    me: Identity,
    generator: Identity,
    bundle: PrivateBundle,
    gen_ek: [u8; 32],
    wraps: Vec<Wrapped>,
}

/// A generator and a member in contact, and the first four wraps.
static PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let mut rng = Seeded(3, 0);
    let (me, generator) = (identity("mina"), identity("ines"));
    let bundle = PrivateBundle::generate(&mut rng);
    let key = GeneratorKey::generate(&mut rng);
    let mut chain = with_contact(|c| {
        SendChain::contact(&generator, &key, me.public(), &bundle.public(), c, &mut rng)
    })
    .unwrap();
    let (from, to) = (generator.fingerprint(), me.fingerprint());
    let secret = secret();
    let wraps = (0..4).map(|_| chain.wrap(&[4; 32], from, to, &secret)).collect();
    Pair { me, generator, bundle, gen_ek: key.public(), wraps }
});

fn secret() -> EpochSecret {
    let binding =
        standfast_crypto::Binding { roster_h: &[0; 32], prev_h: &[0; 32], term: 1, epoch: 1 };
    let hedge = standfast_crypto::Secret::from_fn(|out| out.fill(1));
    EpochSecret::draw(&mut Seeded(4, 0), &hedge, [[0; 16]; 1].iter(), &binding)
}

/// Wraps on a hostile way. One opens only if it is the generator's, and never behind the chain.
pub(crate) fn wrap(bytes: &[u8]) {
    drop(from_bytes::<KeyWrap>(bytes));
    let pair = &*PAIR;
    let (from, to) = (pair.generator.fingerprint(), pair.me.fingerprint());
    let mut tape = Tape::new(bytes);
    let mut kem_ct: Box<[u8; KEM_CIPHERTEXT]> = pair.wraps[0].kem_ct.clone().unwrap();
    let changed = tape.chance(16);
    if changed {
        kem_ct[usize::from(tape.u16()) % KEM_CIPHERTEXT] ^= tape.byte() | 1;
    }
    let gen_ek = if tape.chance(16) { tape.array() } else { pair.gen_ek };
    let (me, generator) = (&pair.me, pair.generator.public());
    let contact =
        with_contact(|c| ReceiveChain::contact(me, &pair.bundle, generator, &gen_ek, &kem_ct, c));
    let Ok(mut chain) = contact else { return };
    let honest_contact = !changed && gen_ek == pair.gen_ek;
    let mut next = 0;
    while !tape.is_over() {
        let mut wrap = pair.wraps[tape.below(4)].clone();
        if tape.chance(64) {
            wrap.n = if tape.chance(128) { tape.u32() } else { u32::from(tape.byte()) };
        }
        if tape.chance(64) {
            wrap.ct[tape.below(48)] ^= tape.byte();
        }
        let honest = honest_contact && pair.wraps.contains(&wrap);
        match chain.open((wrap.n, &wrap.ct), &[4; 32], from, to) {
            Ok(opened) => {
                assert!(honest, "a wrap that nobody made opened");
                assert!((next..=next + MAX_SKIP).contains(&wrap.n), "a wrap behind the chain");
                next = wrap.n + 1;
                chain = opened.commit().1;
            }
            Err(_) => assert!(!honest || wrap.n < next, "an honest wrap did not open"),
        }
    }
}
