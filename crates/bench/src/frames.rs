//! Sealing and opening one frame, beside the `sframe` crate's own backend and raw AES-GCM.

use std::hint::black_box;
use std::time::Instant;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use anyhow::Context as _;
use serde::Serialize;
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, MonotonicCounter};
use sframe::key::{DecryptionKey, EncryptionKey};
use standfast_crypto::Secret;
use standfast_frame::{
    FIRST_CTR, FRAMES_PER_STEP, FrameContext, HEADER_BYTES, Kid, Opener, ParsedFrame, Sealer,
    Stream,
};

use crate::clock::Samples;

/// Bytes of a plaintext: an Opus packet of the default profile and one redundant copy fit.
const PLAINTEXT: [u8; 120] = [7; 120];
/// Frames timed together: one ratchet step less its first frame, which pays for the step.
const BATCH: usize = FRAMES_PER_STEP as usize - 1;
const CONTEXT: FrameContext =
    FrameContext { aad_metadata: [1; 32], stream: Stream::Audio, idx: 1, epoch: 1 };

/// Medians, ns for one frame of 120 bytes.
#[derive(Serialize)]
pub(crate) struct FrameNs {
    seal: f64,
    open: f64,
    sframe_seal: f64,
    sframe_open: f64,
    aes_gcm_seal: f64,
    aes_gcm_open: f64,
    /// The first frame of a ratchet step, which derives the step's key.
    seal_first_of_step: f64,
    open_first_of_step: f64,
    batches: usize,
    frames_in_batch: usize,
}

#[derive(Default)]
struct Timed {
    seal: Samples,
    open: Samples,
    seal_first: Samples,
    open_first: Samples,
    sframe_seal: Samples,
    sframe_open: Samples,
    aes_gcm_seal: Samples,
    aes_gcm_open: Samples,
}

fn base() -> Secret<64> {
    Secret::from_fn(|bytes: &mut [u8; 64]| bytes.fill(3))
}

/// Measures all of them in turns.
///
/// # Errors
/// When one of them does not open what it sealed.
pub(crate) fn measure(batches: usize) -> anyhow::Result<FrameNs> {
    let mut timed = Timed::default();
    let mut ours = Ours::new()?;
    let mut theirs = Theirs::new()?;
    let mut raw = Raw::new();
    // The first rounds warm caches and count as nothing.
    for round in 0..batches + 10 {
        let mut unused = Timed::default();
        let timed = if round < 10 { &mut unused } else { &mut timed };
        ours.round(timed)?;
        theirs.round(timed)?;
        raw.round(timed)?;
    }
    Ok(FrameNs {
        seal: timed.seal.at(50),
        open: timed.open.at(50),
        sframe_seal: timed.sframe_seal.at(50),
        sframe_open: timed.sframe_open.at(50),
        aes_gcm_seal: timed.aes_gcm_seal.at(50),
        aes_gcm_open: timed.aes_gcm_open.at(50),
        seal_first_of_step: timed.seal_first.at(50),
        open_first_of_step: timed.open_first.at(50),
        batches: timed.seal.len(),
        frames_in_batch: BATCH,
    })
}

/// ns that `work` takes for each of `times`.
fn each(times: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let began = Instant::now();
    work()?;
    let took = u32::try_from(began.elapsed().as_nanos())?;
    Ok(f64::from(took) / f64::from(u32::try_from(times)?))
}

struct Ours {
    sealer: Sealer,
    opener: Opener,
    frames: Vec<Vec<u8>>,
    out: Vec<u8>,
}

impl Ours {
    fn new() -> anyhow::Result<Self> {
        let (sealer, opener) = (Sealer::new(base(), &CONTEXT)?, Opener::new(base(), &CONTEXT)?);
        let frames = (0..=BATCH).map(|_| Vec::with_capacity(256)).collect();
        Ok(Self { sealer, opener, frames, out: Vec::with_capacity(256) })
    }

    fn round(&mut self, timed: &mut Timed) -> anyhow::Result<()> {
        let Self { sealer, opener, frames, out } = self;
        frames.iter_mut().for_each(Vec::clear);
        let Some((first, rest)) = frames.split_first_mut() else { return Ok(()) };
        let mut seal = |frame: &mut Vec<u8>| -> anyhow::Result<()> {
            sealer.seal(black_box(&PLAINTEXT), frame)?;
            Ok(())
        };
        timed.seal_first.push(each(1, || seal(first))?);
        timed.seal.push(each(BATCH, || rest.iter_mut().try_for_each(&mut seal))?);
        let mut open = |frame: &[u8]| -> anyhow::Result<()> {
            out.clear();
            let parsed = ParsedFrame::parse(black_box(frame))?;
            black_box(opener.screen(parsed, 0)?.open(out)?.plaintext());
            Ok(())
        };
        timed.open_first.push(each(1, || open(first))?);
        timed.open.push(each(BATCH, || rest.iter().try_for_each(|f| open(f)))?);
        Ok(())
    }
}

/// The crate's frames with its RustCrypto backend and reused buffers: its quickest way.
struct Theirs {
    encryption: EncryptionKey,
    decryption: DecryptionKey,
    counter: MonotonicCounter,
    frames: Vec<Vec<u8>>,
    out: Vec<u8>,
}

impl Theirs {
    fn new() -> anyhow::Result<Self> {
        let suite = CipherSuite::AesGcm256Sha512;
        let kid = Kid::new(CONTEXT.stream, CONTEXT.idx, CONTEXT.epoch, 0).context("key id")?;
        let kid = u64::from(kid.to_bits());
        Ok(Self {
            encryption: EncryptionKey::derive_from(suite, kid, base().expose())?,
            decryption: DecryptionKey::derive_from(suite, kid, base().expose())?,
            counter: MonotonicCounter::with_start_value(FIRST_CTR.into(), u64::MAX),
            frames: (0..BATCH).map(|_| Vec::with_capacity(256)).collect(),
            out: Vec::with_capacity(256),
        })
    }

    fn round(&mut self, timed: &mut Timed) -> anyhow::Result<()> {
        let Self { encryption, decryption, counter, frames, out } = self;
        frames.iter_mut().for_each(Vec::clear);
        timed.sframe_seal.push(each(BATCH, || {
            for frame in frames.iter_mut() {
                let plain = black_box(&PLAINTEXT);
                let view =
                    MediaFrameView::try_with_meta_data(counter, plain, &CONTEXT.aad_metadata)?;
                black_box(view.encrypt_into(&*encryption, frame)?);
            }
            Ok(())
        })?);
        timed.sframe_open.push(each(BATCH, || {
            for frame in frames.iter() {
                out.clear();
                // `encrypt_into` puts the metadata before the frame.
                let frame = &frame[CONTEXT.aad_metadata.len()..];
                let view = EncryptedFrameView::try_with_meta_data(
                    black_box(frame),
                    &CONTEXT.aad_metadata,
                )?;
                black_box(view.decrypt_into(&*decryption, out)?);
            }
            Ok(())
        })?);
        Ok(())
    }
}

/// AES-256-GCM with an expanded key over as many bytes, and nothing around it.
struct Raw {
    cipher: Aes256Gcm,
    frames: Vec<([u8; 120], aes_gcm::Tag)>,
    nonce: u64,
}

impl Raw {
    fn new() -> Self {
        let cipher = Aes256Gcm::new(&[3; 32].into());
        Self { cipher, frames: vec![(PLAINTEXT, aes_gcm::Tag::default()); BATCH], nonce: 0 }
    }

    fn nonce(n: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&n.to_be_bytes());
        nonce
    }

    fn round(&mut self, timed: &mut Timed) -> anyhow::Result<()> {
        let Self { cipher, frames, nonce } = self;
        let aad = [1; HEADER_BYTES + 32];
        let first = *nonce;
        *nonce += u64::try_from(BATCH)?;
        let failed = || anyhow::anyhow!("AES-GCM failed");
        timed.aes_gcm_seal.push(each(BATCH, || {
            for (n, (data, tag)) in (first..).zip(frames.iter_mut()) {
                *data = *black_box(&PLAINTEXT);
                *tag = cipher
                    .encrypt_inout_detached(
                        &Self::nonce(n).into(),
                        &aad,
                        data.as_mut_slice().into(),
                    )
                    .map_err(|_| failed())?;
            }
            Ok(())
        })?);
        timed.aes_gcm_open.push(each(BATCH, || {
            for (n, (data, tag)) in (first..).zip(frames.iter_mut()) {
                let data = black_box(data).as_mut_slice();
                cipher
                    .decrypt_inout_detached(&Self::nonce(n).into(), &aad, data.into(), tag)
                    .map_err(|_| failed())?;
            }
            Ok(())
        })?);
        Ok(())
    }
}
