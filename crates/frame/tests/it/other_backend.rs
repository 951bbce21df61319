//! The same frames by the `sframe` crate's own code and backend: the interoperable form.

use sframe::{
    CipherSuite,
    frame::{EncryptedFrameView, FrameCounter, MediaFrameView},
    header::Counter,
    key::{DecryptionKey, EncryptionKey},
};
use standfast_frame::{FIRST_CTR, Kid};

use crate::pair::{CONTEXT, Pair, base, plaintext};

const SUITE: CipherSuite = CipherSuite::AesGcm256Sha512;

fn kid() -> u64 {
    Kid::new(CONTEXT.stream, CONTEXT.idx, CONTEXT.epoch, 0).unwrap().to_bits().into()
}

struct From(Counter);

impl FrameCounter for From {
    type Error = std::convert::Infallible;

    fn try_next(&mut self) -> Result<Counter, Self::Error> {
        self.0 += 1;
        Ok(self.0 - 1)
    }
}

#[test]
fn it_opens_what_we_seal() {
    let key = DecryptionKey::derive_from(SUITE, kid(), base(1).expose()).unwrap();
    let mut pair = Pair::new();
    for frame in pair.seal_many(64) {
        let view = EncryptedFrameView::try_with_meta_data(&frame, &CONTEXT.aad_metadata).unwrap();
        assert_eq!(view.decrypt(&key).unwrap().payload(), plaintext());
    }
}

#[test]
fn we_open_and_equal_what_it_seals() {
    let key = EncryptionKey::derive_from(SUITE, kid(), base(1).expose()).unwrap();
    let mut pair = Pair::new();
    let mut ctr = From(FIRST_CTR.into());
    for _ in 0..64 {
        let plaintext = plaintext();
        let view = MediaFrameView::with_meta_data(&mut ctr, &plaintext, &CONTEXT.aad_metadata);
        let sealed = view.encrypt(&key).unwrap();
        let theirs = EncryptedFrameView::from(&sealed).sframe_cipher_text().to_vec();
        assert_eq!(theirs, pair.seal());
        assert_eq!(pair.open(&theirs, 0), Ok(plaintext));
    }
}
