//! The published vectors of RFC 9605, and our own frozen ones for the ratchet.

use serde::Deserialize;
use sframe::{
    crypto::{DecryptionBufferView, EncryptionBufferView, get_hkdf_key_expand_label},
    header::SframeHeader,
};
use standfast_crypto::Secret;

use crate::{
    ratchet::Chain,
    suite::{OpeningKey, SUITE, SealingKey},
};

#[derive(Deserialize)]
struct Published {
    header: Vec<HeaderVector>,
    sframe: Vec<FrameVector>,
}

#[derive(Deserialize)]
struct HeaderVector {
    kid: u64,
    ctr: u64,
    encoded: String,
}

#[derive(Deserialize)]
struct FrameVector {
    kid: u64,
    ctr: u64,
    base_key: String,
    sframe_key_label: String,
    aad: String,
    pt: String,
    ct: String,
}

#[derive(Deserialize)]
struct RatchetVectors {
    base_key: String,
    steps: Vec<RatchetVector>,
}

#[derive(Deserialize)]
struct RatchetVector {
    step: u32,
    base_key: String,
}

fn published() -> Published {
    serde_json::from_str(include_str!("../tests/vectors/rfc9605.json")).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn headers_are_those_of_the_rfc() {
    let vectors = published().header;
    assert_eq!(vectors.len(), 289);
    for HeaderVector { kid, ctr, encoded } in vectors {
        let header = SframeHeader::new(kid, ctr);
        assert_eq!(Vec::from(&header), unhex(&encoded));
        assert_eq!(SframeHeader::deserialize(unhex(&encoded)).unwrap(), header);
    }
}

#[test]
fn frames_are_those_of_the_rfc() {
    for vector in published().sframe {
        let (mut aad, base) = (unhex(&vector.aad), unhex(&vector.base_key));
        let label = get_hkdf_key_expand_label(vector.kid, SUITE);
        assert_eq!(label, unhex(&vector.sframe_key_label));

        let (mut data, mut tag) = (unhex(&vector.pt), [0; 16]);
        let key = SealingKey::derive_from(SUITE, vector.kid, &base).unwrap();
        let view = EncryptionBufferView { aad: &mut aad, data: &mut data, tag: &mut tag };
        key.encrypt(view, vector.ctr).unwrap();
        let header = Vec::from(&SframeHeader::new(vector.kid, vector.ctr));
        assert_eq!([&header[..], &data, &tag].concat(), unhex(&vector.ct));

        let mut data = unhex(&vector.ct)[header.len()..].to_vec();
        let key = OpeningKey::derive_from(SUITE, vector.kid, &base).unwrap();
        let view = DecryptionBufferView { aad: &mut aad, data: &mut data };
        key.decrypt(view, vector.ctr).unwrap();
        assert_eq!(data[..data.len() - 16], unhex(&vector.pt));
    }
}

#[test]
fn the_ratchet_is_frozen() {
    let text = include_str!("../tests/vectors/ratchet.json");
    let vectors: RatchetVectors = serde_json::from_str(text).unwrap();
    let base = unhex(&vectors.base_key);
    let mut chain = Chain::new(Secret::from_fn(|out: &mut [u8; 64]| out.copy_from_slice(&base)));
    assert_eq!(vectors.steps.len(), 4);
    for RatchetVector { step, base_key } in vectors.steps {
        chain.advance_to(step).unwrap();
        assert_eq!(chain.expose_for_test()[..], unhex(&base_key));
    }
}
