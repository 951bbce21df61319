//! Opus packets of a hostile member, through jitter buffer and decoder.

use standfast_media::{BLOCK_SAMPLES, DeepBudget, Incoming};

use crate::Tape;

/// Packets of one sender arrive and sound is pulled. Every block is finite, in time.
pub fn media(bytes: &[u8]) {
    let Ok(mut incoming) = Incoming::new() else { return };
    let mut tape = Tape::new(bytes);
    let (mut now_us, mut ts) = (0_u64, tape.u32());
    let mut block = [0.0; BLOCK_SAMPLES];
    let mut pulls = 0;
    while !tape.is_over() && pulls < 64 {
        match tape.byte() % 8 {
            0..=2 => {
                let packet = tape.blob(130);
                incoming.push(now_us, ts, &packet);
                let copies = usize::from(tape.byte() % 4);
                for back in 1..=copies as u32 {
                    incoming.push_copy(now_us, ts.wrapping_sub(back * 960), &packet);
                }
                ts = ts.wrapping_add(960);
            }
            3 => ts = ts.wrapping_add(u32::from(tape.u16()).wrapping_sub(32_768)),
            4 => ts = tape.u32(),
            5 => now_us += u64::from(tape.u16()) * 16,
            _ => {
                pulls += 1;
                now_us += 10_000;
                incoming.pull(now_us, &mut { DeepBudget::PER_BLOCK }, &mut block);
                assert!(block.iter().all(|sample| sample.is_finite()), "a sample is not a number");
                assert!(incoming.stats().jitter.delay_us < 60_000_000);
            }
        }
    }
}
