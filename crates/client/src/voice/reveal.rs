//! Tells the erasure test what is said and heard. Exists only with `expose-secrets-to-tests`.

use standfast_crypto::reveal::born;

/// A frame as it was coded.
pub(super) fn spoken(frame: &[f32], packet: &[u8]) {
    samples("sound out", frame);
    born("packets out", packet);
}

/// A packet that came.
pub(super) fn came(packet: &[u8]) {
    born("packets in", packet);
}

/// A block of one speaker as it was decoded.
pub(super) fn heard(block: &[f32]) {
    samples("sound in", block);
}

/// In small pieces, as they lie in memory; nothing of them stays here.
fn samples(label: &str, samples: &[f32]) {
    let mut bytes = [0u8; 480];
    for piece in samples.chunks(bytes.len() / 4) {
        for (out, sample) in bytes.chunks_exact_mut(4).zip(piece) {
            out.copy_from_slice(&sample.to_le_bytes());
        }
        born(label, &bytes[..4 * piece.len()]);
    }
    zeroize::Zeroize::zeroize(&mut bytes);
}
