//! Frozen outputs of our own constructions. A change here is a new protocol version.

use standfast_crypto::{
    Binding, Contact, Enc, Entropy, EpochSecret, Fingerprint, GeneratorKey, Identity, Link,
    Passphrase, PrivateBundle, ReceiveChain, Scope, Secret, SendChain, SpokenCode, SpokenShare,
    sha256,
};

/// Counts up from `0`: every draw is another, and anyone can repeat them.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn seeded(n: u8) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| seed.fill(n)))
}

const BINDING: Binding<'static> =
    Binding { roster_h: &[1; 32], prev_h: &[2; 32], term: 3, epoch: 400 };

fn drawn() -> EpochSecret {
    let hedge = Secret::from_fn(|hedge| hedge.fill(9));
    EpochSecret::draw(&mut Counting(0), &hedge, [[4; 16], [5; 16]].iter(), &BINDING)
}

#[test]
fn encoding() {
    let enc = Enc::new("SF1/x").bytes(&[1, 2]).text("t").uint(65_536).maybe_bytes(None);
    assert_eq!(hex(&enc.finish()), "85655346312f7842010261741a00010000f6");
}

#[test]
fn identity() {
    let id = seeded(1);
    assert_eq!(hex(id.public().iks()), IKS);
    assert_eq!(hex(id.public().ikd()), IKD);
    assert_eq!(hex(&id.fingerprint().0), FP);
    assert_eq!(hex(&sha256(id.public().cert())), CERT_SHA256);
    let scope = Scope { meeting_id: [7; 16], session_id: [8; 32] };
    assert_eq!(hex(&id.sign(&scope, "leave", b"body")), SIG);
    assert_eq!(hex(id.hedge().expose()), HEDGE);
    assert_eq!(hex(&id.pseudonym("relay.example", &[7; 16]).public()), PSEUDONYM);
}

#[test]
fn fingerprint_as_people_see_it() {
    let shown = Fingerprint([7; 32]).display().unwrap();
    assert_eq!(shown.digits, DIGITS);
    assert_eq!(shown.words.join(" "), WORDS);
}

#[test]
fn epoch_keys() {
    let secret = drawn();
    assert_eq!(hex(&secret.commitment(&BINDING)), COMMIT);
    let roster = [(0, Fingerprint([10; 32])), (700, Fingerprint([11; 32]))];
    let mut keys = secret.keys(&[6; 32], &roster, &[0, 3]);
    assert_eq!(hex(keys.take_base(700, 3, &[12; 16]).unwrap().expose()), BASE);
    assert_eq!(hex(keys.take_base(0, 0, &[13; 16]).unwrap().expose()), BASE_AUDIO);
    assert_eq!(hex(&keys.ack_mac(Fingerprint([10; 32]), &[6; 32])), ACK_MAC);
    assert_eq!(keys.code().digits(), CODE);
}

#[test]
fn spoken_code() {
    let run_id = [12; 16];
    let roster: Vec<_> = (0..3)
        .map(|n| {
            let share = SpokenShare::shown(&[20 + n; 32]);
            (share.commitment(Fingerprint([n; 32]), &run_id), share)
        })
        .collect();
    assert_eq!(hex(&roster[0].0), SAS_COMMITMENT);
    assert_eq!(SpokenCode::derive(&[6; 32], &roster).words().join(" "), SAS_WORDS);
}

#[test]
fn link_keys() {
    let link = Link::create("relay.example", Fingerprint([3; 32]), None, &mut Counting(0));
    assert_eq!(*link.to_text(), LINK);
    let keys = link.keys();
    assert_eq!(hex(keys.psk().expose()), PSK);
    assert_eq!(hex(&keys.bundle_slot(Fingerprint([3; 32]))), SLOT);
    assert_eq!(hex(&keys.join_mac(b"body")), JOIN_MAC);
    let boxed = keys.control(&[8; 32]).seal(b"aad", b"content", &mut Counting(0));
    assert_eq!(hex(&sha256(&boxed)), BOX_SHA256);
}

#[test]
fn passphrases() {
    let link = Link::create("relay.example", Fingerprint([3; 32]), None, &mut Counting(0));
    // Decomposed, with a no-break space and the end of a line: the normal form is what counts.
    let typed = Passphrase::new("Cafe\u{301} am\u{a0}Meer 12\n").unwrap();
    let key = typed.stretch(&link.meeting_id).unwrap();
    assert_eq!(hex(key.secret().expose()), STRETCHED);
    assert_eq!(hex(link.keys_with(&key).psk().expose()), PASSPHRASE_PSK);
    assert_eq!(hex(&link.keys_with(&key).join_mac(b"body")), PASSPHRASE_JOIN_MAC);
    assert_eq!(hex(&key.check()), PASSPHRASE_CHECK);
}

#[test]
fn wraps() {
    let (g, p) = (seeded(1), seeded(2));
    let rng = &mut Counting(0);
    let (key, bundle) = (GeneratorKey::generate(rng), PrivateBundle::generate(rng));
    let psk = Secret::from_fn(|psk| psk.fill(3));
    let contact = || Contact {
        meeting_id: &[7; 16],
        session_id: &[8; 32],
        link_psk: &psk,
        join_nonce: &[9; 16],
        term: 3,
    };
    let mut send =
        SendChain::contact(&g, &key, p.public(), &bundle.public(), &contact(), rng).unwrap();
    let (from, to) = (g.fingerprint(), p.fingerprint());
    let first = send.wrap(&[6; 32], from, to, &drawn());
    send.acked();
    let second = send.wrap(&[5; 32], from, to, &drawn());
    let kem_ct = first.kem_ct.unwrap();
    assert_eq!(hex(&sha256(&kem_ct[..])), KEM_CT_SHA256);
    assert_eq!((first.n, hex(&first.ct)), (0, WRAP_0.to_owned()));
    assert_eq!((second.n, hex(&second.ct)), (1, WRAP_1.to_owned()));
    assert!(second.kem_ct.is_none());

    let receive = |generator: &Identity, kem_ct: &[u8; 1088], contact: Contact<'_>| {
        ReceiveChain::contact(&p, &bundle, generator.public(), &key.public(), kem_ct, &contact)
            .unwrap()
    };
    let chain = receive(&g, &kem_ct, contact());
    let (secret, next) = chain.open((0, &first.ct), &[6; 32], from, to).unwrap().commit();
    assert_eq!(hex(&secret.commitment(&BINDING)), COMMIT);
    assert!(next.open((1, &second.ct), &[5; 32], from, to).is_ok());
    // What makes the contact is bound: nothing of it can be another.
    let zeros = Secret::from_fn(|_| {});
    let mut flipped = kem_ct.clone();
    flipped[700] ^= 1;
    for other in [
        receive(&g, &kem_ct, Contact { meeting_id: &[0; 16], ..contact() }),
        receive(&g, &kem_ct, Contact { session_id: &[0; 32], ..contact() }),
        receive(&g, &kem_ct, Contact { join_nonce: &[0; 16], ..contact() }),
        receive(&g, &kem_ct, Contact { link_psk: &zeros, ..contact() }),
        receive(&g, &kem_ct, Contact { term: 4, ..contact() }),
        receive(&g, &flipped, contact()),
        receive(&seeded(3), &kem_ct, contact()),
    ] {
        assert!(other.open((0, &first.ct), &[6; 32], from, to).is_err());
    }
}

const IKS: &str = "58fea96e6a691d61d667417ab9695c82a4139cd4de113df066f0612c603a0a9c";
const IKD: &str = "46fdb5924231d726177b8cda02e4bf9759ca71ddbc27178a5fdce6d471321608";
const FP: &str = "a6a0db4b9c3d851a76ebfbd67d9dbaa0e3ca4d063779dbcf61315e38b4a482b0";
const CERT_SHA256: &str = "330a22e08ad7767823db60c9911c8f70943f6cb9d18dd29734ca83d7c3156fde";
const SIG: &str = "c62584d36c0c2ca2dfcf0e1f094b6e2658140ac6f6d5a7c60b020a6ec764f34d553ba9cfcb6b9dc79c526f367027f6208e9432c3a1a48c2ea2e89b38879eab0d";
const HEDGE: &str = "ffa25dd570ffc6e5f6d13abd04e58d791e5eafc268774d61939f5cf56b5ffebe";
const PSEUDONYM: &str = "7a4bc396bf4b3a5bc9d89687143025c2d278fb861cf5b28c7dbc1358ed8d8c12";
const DIGITS: &str = "904618780626821413361430867075";
const WORDS: &str = "creek yard van annual place toy cactus fashion can monitor clinic amateur";
const COMMIT: &str = "01b4d13bad86fe5dd418f33325d68e5401c6d0c42864997d91835bf67c83d4e7";
const BASE: &str = "e7ae4777144f19fb69b90ac890befd04d58a08ddd0faa801c67f58015cc958570de547d1478a043df6b309954773499d2b38b92762cfbdde454f7d6ccec180fe";
const BASE_AUDIO: &str = "2c7d3e097e3073ae4fae0d16fb2974ba4762b8e038c0a32e67cb5537b56cab842fa7e68dd87c001b630bddaffc19c4e48543ecc38404960a4dd963db9726a52e";
const ACK_MAC: &str = "f28f6a845e384710136c5feb97c1eb8ac8c64e3b2673506b29e9e87f5e96ae37";
const CODE: &str = "485888532172057241984905966858";
const LINK: &str = "standfast://relay.example/AAECAwQFBgcICQoLDA0ODw#1.1.AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM.EBESExQVFhcYGRobHB0eHw";
const PSK: &str = "06eedb742232b06042be0f498e9fd3b825718276e90d508926b892258ad5bc9d";
const SLOT: &str = "1891f89bde1b4f1ec91d2e4e4db111ba9aa7f35e56bd7e9c206443b83dec25bd";
const JOIN_MAC: &str = "2895ccb23891c0318052d9bc7f93fa6c634ec6f7c8fe08fb51d257064cc8f680";
// These four also come out of the reference C implementation of Argon2 and an HKDF of its own.
const STRETCHED: &str = "0a719192818a6474a4eba1adc85b223a7c1cc32735254ee96e0cc75033566090";
const PASSPHRASE_PSK: &str = "2466f6be300c7274257c84327937740f5bca2b09f1a9b9b08ab88ad48b193167";
const PASSPHRASE_JOIN_MAC: &str =
    "0a482258a3a7dfe0e763a7d3beefde7aca3baa70875ba9cce07e29bb9ec51338";
const PASSPHRASE_CHECK: &str = "f4c18688c6c5af5ffeaff410ab035fb1";
const BOX_SHA256: &str = "c51c49ced38318486a949c0b60e38016eafe1d9267fa5acfd31eaf3294b70f03";
const KEM_CT_SHA256: &str = "ba280906c3ae932d7f12db2894069f0e5a06a936418b3548598a2dd099f2e1c4";
const WRAP_0: &str = "039ed9f3927d34d5e4f6565b9dd2c853a5e12590ae240a66752392bec99102db8d0e4cf2699dd81a3f80af8c2fbe0f46";
const WRAP_1: &str = "20949a23ee46cbe59b48e0f196364bfd889b4b65b7e583cf883c034200e0cdc1a527369f9fb87b165f46f0442c468a87";
const SAS_COMMITMENT: &str = "df927208b70f7368c16f7d63265d3a2fffdcf0bfeed52f39d876785fa64d76ce";
const SAS_WORDS: &str = "supreme appear space";
