//! The other forms in which a secret may lie in memory: whoever finds one of them has the secret,
//! or what it is used for.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use sha2::{Digest as _, Sha512};
use std::sync::LazyLock;

/// Round keys of AES-256, for sealing and for the equivalent inverse cipher (FIPS 197 §5.2, §5.3.5).
pub(crate) fn aes_schedule(key: &[u8; 32]) -> Vec<u8> {
    let sbox = &*SBOX;
    let mut words: Vec<[u8; 4]> = key.chunks_exact(4).map(four).collect();
    let mut rcon = 1;
    for i in 8..60 {
        let mut word = words[i - 1];
        if i % 8 == 0 {
            word.rotate_left(1);
            word = word.map(|byte| sbox[usize::from(byte)]);
            word[0] ^= rcon;
            rcon = double(rcon);
        } else if i % 8 == 4 {
            word = word.map(|byte| sbox[usize::from(byte)]);
        }
        let before = words[i - 8];
        words.push(std::array::from_fn(|n| word[n] ^ before[n]));
    }
    let inverse = words[4..56].iter().map(|word| inverse_mix(*word)).collect::<Vec<_>>();
    words.iter().chain(&inverse).flatten().copied().collect()
}

/// The key of GHASH under an AES-256 key, as its libraries keep it: as it is, reversed, and
/// multiplied by x for POLYVAL (RFC 8452 appendix A).
pub(crate) fn ghash_keys(key: &[u8; 32]) -> [[u8; 16]; 3] {
    let mut block = aes::Block::default();
    Aes256::new(key.into()).encrypt_block(&mut block);
    let plain: [u8; 16] = block.into();
    let mut reversed = plain;
    reversed.reverse();
    let value = u128::from_le_bytes(reversed);
    let carried = if value >> 127 == 1 { 1 | 0xc2 << 120 } else { 0 };
    [plain, reversed, (value << 1 ^ carried).to_le_bytes()]
}

/// The two states that HMAC-SHA-512 keeps of a key (RFC 2104), words in this machine's order.
pub(crate) fn hmac_states(key: &[u8]) -> [[u8; 64]; 2] {
    [0x36, 0x5c].map(|pad| {
        let mut block = [pad; 128];
        for (out, byte) in block.iter_mut().zip(key) {
            *out ^= byte;
        }
        let mut state = SHA_512_START;
        sha2::block_api::compress512(&mut state, &[block]);
        let mut bytes = [0; 64];
        for (out, word) in bytes.chunks_exact_mut(8).zip(state) {
            out.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    })
}

/// What Ed25519 makes of a seed: scalar and prefix (RFC 8032 §5.1.5). Clamping the scalar changes
/// its two ends only.
pub(crate) fn ed25519_expanded(seed: &[u8; 32]) -> Vec<u8> {
    Sha512::digest(seed).to_vec()
}

/// The secret vector of ML-KEM-768 that a seed gives, two bytes a coefficient.
#[expect(deprecated, reason = "the only way to the vector itself")]
pub(crate) fn kem_vector(seed: &[u8; 64]) -> Vec<u8> {
    use ml_kem::ExpandedKeyEncoding as _;
    let key = ml_kem::ml_kem_768::DecapsulationKey::from_seed((*seed).into());
    let expanded = key.to_expanded_bytes();
    // FIPS 203 algorithm 5: two coefficients in three bytes.
    expanded[..3 * 384]
        .chunks_exact(3)
        .flat_map(|three| {
            let [a, b, c] = [three[0], three[1], three[2]].map(u16::from);
            [a | (b & 15) << 8, b >> 4 | c << 4]
        })
        .flat_map(u16::to_ne_bytes)
        .collect()
}

/// The initial hash value (FIPS 180-4 §5.3.5).
const SHA_512_START: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

fn four(bytes: &[u8]) -> [u8; 4] {
    std::array::from_fn(|n| bytes[n])
}

fn double(byte: u8) -> u8 {
    byte << 1 ^ if byte & 0x80 == 0 { 0 } else { 0x1b }
}

fn multiply(a: u8, b: u8) -> u8 {
    let mut power = a;
    (0..8).fold(0, |sum, bit| {
        let part = if b >> bit & 1 == 1 { power } else { 0 };
        power = double(power);
        sum ^ part
    })
}

/// Made once: there are thousands of keys.
static SBOX: LazyLock<[u8; 256]> = LazyLock::new(sbox);

/// FIPS 197 §5.1.1: the inverse in GF(2^8), then an affine map.
fn sbox() -> [u8; 256] {
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        let inverse = (1..=255).find(|other| multiply(byte, *other) == 1).unwrap_or(0);
        (1..5).fold(inverse ^ 0x63, |sum, by| sum ^ inverse.rotate_left(by))
    })
}

fn inverse_mix(word: [u8; 4]) -> [u8; 4] {
    const ROW: [u8; 4] = [14, 11, 13, 9];
    std::array::from_fn(|row| {
        (0..4).fold(0, |sum, at| sum ^ multiply(word[at], ROW[(at + 4 - row) % 4]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn the_schedule_is_that_of_fips_197() {
        let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let schedule = aes_schedule(key.as_slice().try_into().unwrap());
        assert_eq!(schedule[..32], key);
        // Appendix A.3, words 8 and 59.
        assert_eq!(schedule[32..36], hex("9ba35411"));
        assert_eq!(schedule[236..240], hex("706c631e"));
    }

    #[test]
    fn the_hmac_states_make_the_mac_of_rfc_4231() {
        let [mut inner, mut outer] = hmac_states(b"Jefe").map(|state| {
            let mut words = [0; 8];
            for (word, bytes) in words.iter_mut().zip(state.chunks_exact(8)) {
                *word = u64::from_ne_bytes(bytes.try_into().unwrap());
            }
            words
        });
        let finish = |state: &mut [u64; 8], message: &[u8]| {
            let mut block = [0; 128];
            block[..message.len()].copy_from_slice(message);
            block[message.len()] = 0x80;
            block[120..].copy_from_slice(&(8 * (128 + message.len() as u64)).to_be_bytes());
            sha2::block_api::compress512(state, &[block]);
            state.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
        };
        let inside = finish(&mut inner, b"what do ya want for nothing?");
        assert_eq!(finish(&mut outer, &inside)[..4], hex("164b7a7b"));
    }
}
