//! Secret bytes: filled in the place where they stay, moved by reference, wiped on drop.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::slots::Home;

/// `N` secret bytes, in memory that the program locked in RAM ([`keep_in`](crate::keep_in)) or on
/// the heap.
///
/// Cannot be printed, cloned, serialized or compared with `==`. A move moves the pointer, so no
/// copy stays behind on the stack; drop wipes the bytes.
///
/// ```compile_fail
/// let secret = standfast_crypto::Secret::<32>::from_fn(|_| {});
/// println!("{secret:?}");
/// ```
pub struct Secret<const N: usize>(Home<N>);

impl<const N: usize> Secret<N> {
    /// Zeroed bytes that `fill` writes the secret into.
    #[cfg_attr(feature = "expose-secrets-to-tests", track_caller)]
    pub fn from_fn(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let secret = Self::filled(fill);
        #[cfg(feature = "expose-secrets-to-tests")]
        crate::reveal::born(core::panic::Location::caller().file(), secret.expose());
        secret
    }

    /// A secret that was derived with `info`.
    pub(crate) fn derived(info: &[u8], fill: impl FnOnce(&mut [u8; N])) -> Self {
        let secret = Self::filled(fill);
        #[cfg(feature = "expose-secrets-to-tests")]
        crate::reveal::born(crate::reveal::label_of(info), secret.expose());
        #[cfg(not(feature = "expose-secrets-to-tests"))]
        let _ = info;
        secret
    }

    fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Home::new());
        fill(secret.0.bytes_mut());
        secret
    }

    /// Copies the secret out of `bytes` and wipes them.
    #[cfg_attr(feature = "expose-secrets-to-tests", track_caller)]
    pub fn from_slice_wiping(bytes: &mut [u8; N]) -> Self {
        let secret = Self::from_fn(|out| out.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// A fresh random secret.
    #[cfg_attr(feature = "expose-secrets-to-tests", track_caller)]
    pub fn random(entropy: &mut dyn crate::Entropy) -> Self {
        Self::from_fn(|out| entropy.fill(out))
    }

    /// The bytes, for the one use at hand. Do not keep or copy them.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        self.0.bytes()
    }

    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8; N]) -> bool {
        self.expose().as_slice().ct_eq(other).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_source_leaves_zeros() {
        let mut source = [7u8; 32];
        let secret = Secret::from_slice_wiping(&mut source);
        assert_eq!(source, [0; 32]);
        assert!(secret.ct_eq(&[7; 32]));
        assert!(!secret.ct_eq(&[8; 32]));
    }
}
