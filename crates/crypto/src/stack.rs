//! Wiping what computations with secrets leave on the stack and in registers.
//!
//! The libraries build their keys on the stack and move them into place; the compiler spills
//! registers there. Nobody wipes these copies, and they lie until something overwrites them. So what
//! is deep is overwritten on purpose: a function with one large zeroed array is called from where
//! the computation was called, and its frame covers those that were used.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha512;

/// How deep the stack is wiped, bytes. The deepest computation, with ML-KEM, uses less than half.
const DEPTH: usize = 128 * 1024;

/// Enough for the widest path of the AES library, which takes many blocks at once.
const PUBLIC_BYTES: usize = 1_024;

/// Does `work` and wipes what it left on the stack, up to 128 KiB deep, and in registers. Takes
/// some microseconds.
///
/// A panic in `work` passes through and leaves the stack as it is: what unwinds is dropped, and a
/// thread that ends gives its stack back.
pub fn on_wiped_stack<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    wipe_stack();
    done
}

/// Wipes registers, and the 128 KiB of stack below the caller's frame.
pub fn wipe_stack() {
    wash_registers();
    overwrite();
}

/// A frame of its own, below which everything lies that `work` uses.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite() {
    let mut frame = [0_u8; DEPTH];
    // The compiler must believe that somebody reads the zeros.
    core::hint::black_box(&mut frame);
}

/// Computes with public keys what was computed with secret ones, so that the vector registers hold
/// round keys and states of no value. Otherwise they do not stay there: a new thread inherits them,
/// and the system's linker saves them on its stack, where a search found them.
#[inline(never)]
fn wash_registers() {
    let mut public = [0_u8; PUBLIC_BYTES];
    let cipher = Aes256Gcm::new(&[0; 32].into());
    let _ = cipher.encrypt_inout_detached(&[0; 12].into(), &[], public.as_mut_slice().into());
    let mut out = [0_u8; 64];
    let _ = Hkdf::<Sha512>::new(None, &[0; 64]).expand(&[0; 64], &mut out);
    core::hint::black_box((&mut public, &mut out));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_work_gives_comes_back() {
        let secret = on_wiped_stack(|| crate::Secret::<32>::from_fn(|out| out.fill(3)));
        assert!(secret.ct_eq(&[3; 32]));
    }
}
