//! What remains of the echo, and of the own voice.

use standfast_media::{Processing, ProcessingConfig, Reference};

use crate::room::{Dice, Room, loss_db, process, speech_like};

const ROOM: Room = Room { delay_ms: 80.0, drift_ppm: 200.0, loss_db: 10.0, decay_ms: 250.0 };

fn echo_only() -> Processing {
    Processing::new(ProcessingConfig { echo: true, ..ProcessingConfig::OFF })
}

/// The sum of what reaches the microphone, with its own hiss at −91 dBFS.
fn microphone(echo: &[f32], near: &[f32]) -> Vec<f32> {
    let mut dice = Dice(3);
    let hiss = |dice: &mut Dice| (1e-4 * (dice.roll() - 0.5)) as f32;
    echo.iter()
        .enumerate()
        .map(|(i, echo)| echo + near.get(i).copied().unwrap_or(0.0) + hiss(&mut dice))
        .collect()
}

fn seconds(from: f64, to: f64) -> std::ops::Range<usize> {
    (from * 48_000.0) as usize..(to * 48_000.0) as usize
}

#[test]
fn after_three_seconds_the_echo_is_30_db_down_whatever_the_delay_and_the_clocks() {
    for (delay_ms, drift_ppm) in [(40.0, 200.0), (80.0, -300.0), (120.0, 200.0)] {
        let room = Room { delay_ms, drift_ppm, ..ROOM };
        let far = speech_like(6.0, 120.0, 1);
        let heard = microphone(&room.echo(&far), &[]);
        let left = process(&mut echo_only(), &mut Reference::default(), room, &far, &heard);
        let range = seconds(3.0, 6.0);
        let loss = loss_db(&heard[range.clone()], &left[range]);
        println!("{delay_ms} ms, {drift_ppm} ppm: {loss:.1} dB");
        assert!(loss >= 30.0, "{delay_ms} ms, {drift_ppm} ppm: {loss:.1} dB");
    }
}

#[test]
fn the_own_voice_passes() {
    let (far, near) = (speech_like(3.0, 120.0, 1), speech_like(6.0, 210.0, 2));
    let mut far = far;
    far.resize(near.len(), 0.0);
    let mut spoken = near;
    spoken[..seconds(0.0, 3.2).end].fill(0.0);
    let heard = microphone(&ROOM.echo(&far), &spoken);
    let left = process(&mut echo_only(), &mut Reference::default(), ROOM, &far, &heard);
    let range = seconds(3.5, 6.0);
    let loss = loss_db(&spoken[range.clone()], &left[range]);
    println!("near end alone: {loss:.1} dB");
    assert!(loss.abs() < 3.0, "{loss:.1} dB");
}
