//! Project Wycheproof's vectors against the primitives as this crate calls them.

use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use ml_kem::ml_kem_768::EncapsulationKey;
use sha2::Sha512;
use wycheproof::TestResult;
use x25519_dalek::StaticSecret;

use crate::bundle::encapsulate;
use crate::identity::agree;
use crate::{Entropy, PrivateBundle, Secret, aead};

#[test]
fn aes_256_gcm() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).unwrap();
    let ours =
        |g: &&wycheproof::aead::TestGroup| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128);
    let mut tried = 0;
    for test in set.test_groups.iter().filter(ours).flat_map(|g| &g.tests) {
        let key = Secret::from_fn(|key| key.copy_from_slice(&test.key));
        let nonce: [u8; 12] = test.nonce[..].try_into().unwrap();
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = aead::open(&key, &nonce, &test.aad, &sealed);
        if test.result == TestResult::Invalid {
            assert!(opened.is_err(), "{}", test.tc_id);
        } else {
            assert_eq!(opened.unwrap(), test.pt[..], "{}", test.tc_id);
            assert_eq!(aead::seal(&key, &nonce, &test.aad, &test.pt), sealed);
        }
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn x25519() {
    let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519).unwrap();
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let private = StaticSecret::from(<[u8; 32]>::try_from(&test.private_key[..]).unwrap());
        let public: [u8; 32] = test.public_key[..].try_into().unwrap();
        match agree(&private, &public) {
            Ok(shared) => assert!(shared.ct_eq(test.shared_secret[..].try_into().unwrap())),
            Err(_) => assert_eq!(test.shared_secret[..], [0; 32], "{}", test.tc_id),
        }
    }
}

#[test]
fn ed25519() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let key = VerifyingKey::from_bytes(group.key.pk[..].try_into().unwrap()).unwrap();
        for test in &group.tests {
            let good = <[u8; 64]>::try_from(&test.sig[..])
                .is_ok_and(|s| key.verify_strict(&test.msg, &Signature::from_bytes(&s)).is_ok());
            assert_eq!(good, test.result == TestResult::Valid, "{}", test.tc_id);
        }
    }
}

#[test]
fn hkdf_sha_512() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha512).unwrap();
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let mut okm = vec![0; test.size];
        let made = Hkdf::<Sha512>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        assert_eq!(made.is_ok(), test.result != TestResult::Invalid, "{}", test.tc_id);
        assert!(made.is_err() || okm == test.okm[..], "{}", test.tc_id);
    }
}

struct Coins(Vec<u8>);

impl Entropy for Coins {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

#[test]
fn ml_kem_768_encapsulation() {
    use wycheproof::mlkem::{TestName, TestSet};
    let set = TestSet::load(TestName::MlKem768Encaps).unwrap();
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let pk = test.encaps_key.as_ref().map(|k| <[u8; 1184]>::try_from(&k[..]));
        let Some(Ok(pk)) = pk else {
            assert_eq!(test.result, TestResult::Invalid);
            continue;
        };
        let coins = test.msg.as_ref().map(|m| m.to_vec()).unwrap_or_default();
        if coins.len() != 32 {
            continue;
        }
        match encapsulate(&pk, &mut Coins(coins)) {
            Ok((ct, shared)) => {
                assert_eq!(test.result, TestResult::Valid, "{}", test.tc_id);
                assert_eq!(ct[..], test.ct.as_ref().unwrap()[..]);
                assert!(shared.ct_eq(test.shared_secret.as_ref().unwrap()[..].try_into().unwrap()));
            }
            Err(_) => assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id),
        }
    }
}

#[test]
fn ml_kem_768_decapsulation() {
    use wycheproof::mlkem::{TestName, TestSet};
    let set = TestSet::load(TestName::MlKem768).unwrap();
    let mut tried = 0;
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let (Some(seed), Some(ct)) = (&test.seed, &test.ct) else { continue };
        let (Ok(seed), Ok(ct)) = (<[u8; 64]>::try_from(&seed[..]), <[u8; 1088]>::try_from(&ct[..]))
        else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            continue;
        };
        let stored = Secret::from_fn(|out| out[48..].copy_from_slice(&seed));
        let bundle = PrivateBundle::from_secret(&stored);
        if let Some(pk) = &test.encaps_key {
            assert_eq!(bundle.public().pk()[..], pk[..]);
        }
        let shared: &[u8; 32] = test.shared_secret.as_ref().unwrap()[..].try_into().unwrap();
        assert!(bundle.decapsulate(&ct).ct_eq(shared), "{}", test.tc_id);
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
    assert!(EncapsulationKey::new(&[0xff; 1184].into()).is_err());
}
