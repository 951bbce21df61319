//! The code that a device shows to vouch for a new one (`docs/protocol.md` §6, *Device change*).

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::enc::{Enc, hmac, kdf};
use crate::{Entropy, Fingerprint, Refused, Secret};

/// 80 random bits: more than can be tried in the two minutes that a code lives.
const BYTES: usize = 10;
/// Crockford's base 32, without letters that read alike.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A pairing code, typed or scanned on the new device.
pub struct PairingCode(Secret<BYTES>);

impl PairingCode {
    /// A fresh code.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::random(entropy))
    }

    /// Reads a code as typed: case, spaces and dashes do not matter, O is 0, I and L are 1.
    ///
    /// # Errors
    /// [`Refused`] unless 16 letters remain.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let mut digits = Zeroizing::new([0u8; 16]);
        let mut len = 0;
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let at = ALPHABET.iter().position(|a| char::from(*a) == c).ok_or(Refused)?;
            *digits.get_mut(len).ok_or(Refused)? = u8::try_from(at).map_err(|_| Refused)?;
            len += 1;
        }
        if len != digits.len() {
            return Err(Refused);
        }
        let value = digits.iter().fold(0u128, |acc, d| acc << 5 | u128::from(*d));
        Ok(Self(Secret::from_fn(|out| out.copy_from_slice(&value.to_be_bytes()[16 - BYTES..]))))
    }

    /// Four groups of four letters. Shown to the user, never logged.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let value = self.0.expose().iter().fold(0u128, |acc, b| acc << 8 | u128::from(*b));
        let mut text = Zeroizing::new(String::with_capacity(19));
        for i in 0..16u32 {
            if i > 0 && i % 4 == 0 {
                text.push('-');
            }
            let digit = usize::try_from((value >> (75 - 5 * i)) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET[digit]));
        }
        text
    }

    /// What shows that the device `new` was given this code, for one join.
    #[must_use]
    pub fn proof(&self, new: Fingerprint, join_nonce: &[u8; 16]) -> [u8; 32] {
        let key = kdf::<32>(b"", self.0.expose(), Enc::new("SF1/pairing"));
        hmac(key.expose(), &Enc::new("SF1/pair").bytes(&new.0).bytes(join_nonce).finish())
    }

    /// Checks [`proof`](Self::proof) in constant time.
    ///
    /// # Errors
    /// [`Refused`] for whoever was not given the code.
    pub fn check(
        &self,
        new: Fingerprint,
        join_nonce: &[u8; 16],
        proof: &[u8; 32],
    ) -> Result<(), Refused> {
        if self.proof(new, join_nonce).ct_eq(proof).into() { Ok(()) } else { Err(Refused) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = PairingCode::generate(&mut Seeded::new(4));
        let text = code.text();
        assert_eq!(text.len(), 19);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        let read = PairingCode::parse(&sloppy).unwrap();
        assert!(read.0.ct_eq(code.0.expose()));
        assert!(PairingCode::parse(&text[1..]).is_err());
        assert!(PairingCode::parse(&format!("{}0", *text)).is_err());
    }

    #[test]
    fn a_proof_is_of_one_device_one_join_and_one_code() {
        let code = PairingCode::generate(&mut Seeded::new(4));
        let proof = code.proof(Fingerprint([1; 32]), &[2; 16]);
        assert!(code.check(Fingerprint([1; 32]), &[2; 16], &proof).is_ok());
        assert!(code.check(Fingerprint([9; 32]), &[2; 16], &proof).is_err());
        assert!(code.check(Fingerprint([1; 32]), &[9; 16], &proof).is_err());
        let other = PairingCode::generate(&mut Seeded::new(5));
        assert!(other.check(Fingerprint([1; 32]), &[2; 16], &proof).is_err());
    }
}
