//! Tests of the jitter buffer on simulated paths with a printed seed.

use super::*;

/// A small seeded generator, so that a failing run can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

struct Path {
    loss_percent: u64,
    duplicate_percent: u64,
    jitter_us: u64,
    /// Of how many packets before it each carries a copy.
    copies: u32,
}

struct Outcome {
    /// The number of the packet played in each step, `None` where concealed or silent.
    steps: Vec<Option<u32>>,
    most_held: usize,
    stats: JitterStats,
}

/// Sends `frames` packets over a path and pulls once every 20 ms.
fn simulate(path: &Path, frames: u32, first_ts: u32, seed: u64) -> Outcome {
    let mut random = Random(seed);
    let mut arrivals = Vec::new();
    for number in 0..frames {
        if random.chance(path.loss_percent) {
            continue;
        }
        let copies = if random.chance(path.duplicate_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if path.jitter_us == 0 { 0 } else { random.below(path.jitter_us) };
            arrivals.push((u64::from(number) * 20_000 + 50_000 + late, number));
        }
    }
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut buffer = JitterBuffer::default();
    let (mut steps, mut most_held) = (Vec::new(), 0);
    for step in 0..u64::from(frames) + 30 {
        let now = step * 20_000 + 3_000;
        while let Some((at, number)) = arrivals.next_if(|(at, _)| *at <= now) {
            let ts = first_ts.wrapping_add(number.wrapping_mul(FRAME_SAMPLES as u32));
            buffer.push(at, ts, &number.to_be_bytes());
            for back in 1..=path.copies.min(number) {
                let ts = ts.wrapping_sub(back * FRAME_SAMPLES as u32);
                buffer.push_copy(at, ts, &(number - back).to_be_bytes());
            }
        }
        most_held = most_held.max(buffer.held());
        steps.push(match buffer.pop(now, 0) {
            Pop::Play(packet, _) => Some(u32::from_be_bytes(packet[..].try_into().unwrap())),
            Pop::Conceal | Pop::Before(_) | Pop::Silence => None,
        });
    }
    Outcome { steps, most_held, stats: buffer.stats() }
}

fn played(outcome: &Outcome) -> Vec<u32> {
    outcome.steps.iter().flatten().copied().collect()
}

#[test]
fn a_clean_path_plays_everything_once_in_order() {
    let outcome = simulate(
        &Path { loss_percent: 0, duplicate_percent: 0, jitter_us: 0, copies: 0 },
        500,
        7,
        1,
    );
    assert_eq!(played(&outcome), (0..500).collect::<Vec<_>>());
    assert_eq!(outcome.stats.lost, 0);
    assert_eq!(outcome.stats.target_us, 10_000);
}

#[test]
fn timestamps_may_wrap() {
    let first = u32::MAX - 100 * FRAME_SAMPLES as u32;
    let path = Path { loss_percent: 0, duplicate_percent: 0, jitter_us: 0, copies: 0 };
    assert_eq!(played(&simulate(&path, 300, first, 1)), (0..300).collect::<Vec<_>>());
}

#[test]
fn loss_reorder_and_duplicates_never_disturb_the_order() {
    for seed in 1..=200 {
        let path = Path {
            loss_percent: seed % 30,
            duplicate_percent: 10,
            jitter_us: seed * 600,
            copies: (seed % 3) as u32,
        };
        let outcome = simulate(&path, 600, (seed as u32).wrapping_mul(0x9E37_79B9), seed);
        let played = played(&outcome);
        assert!(played.is_sorted_by(|a, b| a < b), "seed {seed}: out of order or twice");
        assert!(outcome.most_held <= 32, "seed {seed}");
        assert!(outcome.stats.concealed + outcome.stats.played > 500, "seed {seed}");
    }
}

#[test]
fn jitter_is_absorbed_after_learning_it() {
    for seed in 1..=20 {
        let path = Path { loss_percent: 0, duplicate_percent: 0, jitter_us: 60_000, copies: 0 };
        let outcome = simulate(&path, 1_500, 0, seed);
        let learnt = &outcome.steps[500..1_450];
        let gaps = learnt.iter().filter(|step| step.is_none()).count();
        assert!(gaps * 20 <= learnt.len(), "seed {seed}: {gaps} gaps");
    }
}

#[test]
fn a_lost_packet_is_concealed_without_adding_delay() {
    let mut buffer = JitterBuffer::default();
    let mut plays = Vec::new();
    for step in 0..100_u64 {
        let now = step * 20_000;
        if step != 50 {
            buffer.push(now, step as u32 * 960, &[step as u8]);
        }
        if let Pop::Play(packet, _) = buffer.pop(now + 15_000, 5_000) {
            plays.push((step, packet[0]));
        }
    }
    assert_eq!(buffer.stats().concealed, 1);
    assert_eq!(buffer.stats().lost, 1);
    assert!(plays.iter().all(|(step, number)| *step == u64::from(*number)));
}

#[test]
fn a_sender_that_stops_fades_and_returns_with_the_target_delay() {
    let mut buffer = JitterBuffer::default();
    let mut run = |steps: std::ops::Range<u64>, sends: bool| {
        let (mut plays, mut conceals) = (0, 0);
        for step in steps {
            let now = step * 20_000;
            if sends {
                buffer.push(now, step as u32 * 960, &[1]);
            }
            match buffer.pop(now + 15_000, 5_000) {
                Pop::Play(..) => plays += 1,
                Pop::Conceal | Pop::Before(_) => conceals += 1,
                Pop::Silence => {}
            }
        }
        (plays, conceals)
    };
    assert_eq!(run(0..100, true).1, 0);
    assert_eq!(run(100..400, false), (0, MAX_CONCEALED_SAMPLES as u64 / 960));
    assert_eq!(run(400..500, true), (100, 0));
}

#[test]
fn late_and_duplicate_packets_are_dropped() {
    let mut buffer = JitterBuffer::default();
    assert_eq!(buffer.push(0, 960, &[1]), Push::Held);
    assert_eq!(buffer.push(0, 960, &[2]), Push::Duplicate);
    assert!(matches!(buffer.pop(100_000, 0), Pop::Play(packet, _) if packet[0] == 1));
    assert_eq!(buffer.push(100_000, 960, &[3]), Push::Late);
    assert_eq!(buffer.push(100_000, 0, &[3]), Push::Late);
    assert_eq!(buffer.push(100_000, 1_920, &[]), Push::Refused);
    assert_eq!(buffer.push(100_000, 1_920, &[0; MAX_PACKET_BYTES + 1]), Push::Refused);
}

#[test]
fn one_wild_timestamp_is_refused_and_a_new_timeline_followed() {
    let mut buffer = JitterBuffer::default();
    buffer.push(0, 0, &[1]);
    assert!(matches!(buffer.pop(40_000, 0), Pop::Play(..)));
    assert_eq!(buffer.push(41_000, 0x8000_0000, &[9]), Push::Refused);
    assert_eq!(buffer.push(42_000, 960, &[2]), Push::Held);
    for n in 0..3 {
        let expected = if n == 2 { Push::Held } else { Push::Refused };
        assert_eq!(buffer.push(60_000 + n * 20_000, 0x4000_0000 + n as u32 * 960, &[7]), expected);
    }
    assert!(matches!(buffer.pop(160_000, 0), Pop::Play(packet, _) if packet[0] == 7));
}

/// Plays one packet per 20 ms, except that nothing is asked for during `stalled` steps.
fn with_a_stalled_loudspeaker(stalled: std::ops::Range<u64>) -> (JitterBuffer, bool) {
    let mut buffer = JitterBuffer::default();
    let mut shortened = false;
    for step in 0..stalled.end + 50 {
        buffer.push(step * 20_000, step as u32 * 960, &[1]);
        if !stalled.contains(&step) {
            shortened |=
                matches!(buffer.pop(step * 20_000 + 15_000, 0), Pop::Play(_, Adjust::MustShorten));
        }
    }
    (buffer, shortened)
}

#[test]
fn excess_delay_asks_to_shorten() {
    let (buffer, shortened) = with_a_stalled_loudspeaker(100..105);
    assert!(shortened);
    assert_eq!(buffer.stats().lost, 0);
}

#[test]
fn silence_is_shortened_frame_by_frame() {
    let asked = |in_silence| {
        let (mut buffer, mut asked) = (JitterBuffer::default(), 0);
        for step in 0..130_u64 {
            buffer.push(step * 20_000, step as u32 * 960, &[1]);
            if !(100..105).contains(&step)
                && let Pop::Play(_, Adjust::Shorten) = buffer.pop(step * 20_000 + 15_000, 0)
            {
                buffer.adjusted(in_silence);
                asked += u32::from(step >= 105);
            }
        }
        asked
    };
    assert!((4..=7).contains(&asked(false)), "every 80 ms: {}", asked(false));
    assert!(asked(true) >= 15, "{}", asked(true));
}

#[test]
fn hopeless_delay_is_left_out_at_once() {
    let (buffer, _) = with_a_stalled_loudspeaker(100..120);
    assert!((18..=22).contains(&buffer.stats().lost), "{:?}", buffer.stats());
    assert!(buffer.stats().delay_us < 40_000, "{:?}", buffer.stats());
}

/// A microphone that stops for a second and then goes on where it was.
#[test]
fn a_stalled_microphone_loses_nothing() {
    let mut buffer = JitterBuffer::default();
    for step in 0..300_u64 {
        if !(100..150).contains(&step) {
            let number = if step < 100 { step } else { step - 50 };
            buffer.push(step * 20_000, number as u32 * 960, &[1]);
        }
        buffer.pop(step * 20_000 + 15_000, 0);
    }
    assert_eq!(buffer.stats().lost, 0, "{:?}", buffer.stats());
    assert!(buffer.stats().delay_us < 60_000, "{:?}", buffer.stats());
}

#[test]
fn a_flood_is_bounded() {
    let mut buffer = JitterBuffer::default();
    for n in 0..200_u32 {
        buffer.push(u64::from(n) * 20_000, n * 960, &[1]);
    }
    assert_eq!(buffer.held(), 32);
    for n in 0..200_u32 {
        buffer.push(4_000_000 + u64::from(n), 192_000 + n, &[1]);
    }
    assert_eq!(buffer.held(), MAX_HELD);
}

#[test]
fn a_lost_packet_of_10_ms_is_10_ms() {
    let mut buffer = JitterBuffer::default();
    buffer.expect(480);
    let (mut plays, mut conceals) = (Vec::new(), Vec::new());
    for step in 0..100_u64 {
        let now = step * 10_000;
        if step != 50 {
            buffer.push(now, step as u32 * 480, &[step as u8]);
        }
        match buffer.pop(now + 7_000, 5_000) {
            Pop::Play(packet, _) => plays.push((step, packet[0])),
            Pop::Silence => {}
            Pop::Conceal | Pop::Before(_) => conceals.push(step),
        }
    }
    assert_eq!((buffer.stats().concealed, buffer.stats().lost), (1, 1));
    let behind = plays[0].0 - u64::from(plays[0].1);
    assert_eq!(conceals, [50 + behind]);
    assert!(plays.iter().all(|(step, number)| step - u64::from(*number) == behind), "{plays:?}");
}

#[test]
fn copies_repair_what_was_lost_once_the_buffer_waits_for_them() {
    for seed in 1..=20 {
        let conceals = |copies| {
            let path = Path { loss_percent: 10, duplicate_percent: 0, jitter_us: 10_000, copies };
            let outcome = simulate(&path, 3_000, 7, seed);
            outcome.steps[500..3_000].iter().filter(|step| step.is_none()).count()
        };
        let (none, one, two) = (conceals(0), conceals(1), conceals(2));
        assert!(none > 200, "seed {seed}: {none}, the control");
        assert!(one < 60, "seed {seed}: {one} of about 25");
        assert!(two < 20, "seed {seed}: {two} of about 3");
    }
}

#[test]
fn copies_of_what_came_change_nothing() {
    let path = |copies| Path { loss_percent: 0, duplicate_percent: 9, jitter_us: 19_000, copies };
    let (without, with) = (simulate(&path(0), 1_000, 0, 3), simulate(&path(2), 1_000, 0, 3));
    assert_eq!(without.steps, with.steps);
    assert_eq!(without.stats, with.stats);
}

#[test]
fn nothing_begins_with_a_copy_and_none_comes_from_the_future() {
    let mut buffer = JitterBuffer::default();
    assert_eq!(buffer.push_copy(0, 0, &[1]), Push::Refused);
    assert_eq!(buffer.push(0, 9_600, &[1]), Push::Held);
    assert_eq!(buffer.push_copy(0, 9_600, &[1]), Push::Duplicate);
    assert_eq!(buffer.push_copy(0, 10_560, &[1]), Push::Refused);
    assert_eq!(buffer.push_copy(0, 8_640, &[1]), Push::Late);
    assert_eq!(buffer.push_copy(0, 9_600 + 0x8000_0000, &[1]), Push::Refused);
    assert_eq!(buffer.push_copy(0, 8_640, &[]), Push::Refused);
}

/// Plays packets of 20 ms that take what `way_us` says, of those that come, each with copies of so
/// many before it. Every adjustment that is asked for is made, by 10 ms. Gives the counts after each
/// 10 ms.
fn listen(packets: u32, copies: u32, way_us: impl Fn(u32) -> Option<u64>) -> Vec<JitterStats> {
    let came = |n| way_us(n).map(|way| (u64::from(n) * 20_000 + way, n));
    let mut arrivals: Vec<_> = (0..packets).filter_map(came).collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut buffer, mut ready_us) = (JitterBuffer::default(), 0);
    let step = |step: u64| {
        let now = step * 10_000 + 3_000;
        while let Some((at, n)) = arrivals.next_if(|(at, _)| *at <= now) {
            buffer.push(at, n * FRAME_SAMPLES as u32, &[1]);
            for back in 1..=copies.min(n) {
                buffer.push_copy(at, (n - back) * FRAME_SAMPLES as u32, &[2]);
            }
        }
        while ready_us < 10_000 {
            ready_us += next_us(&mut buffer, now, ready_us);
        }
        ready_us -= 10_000;
        buffer.stats()
    };
    (0..u64::from(packets) * 2).map(step).collect()
}

/// How long the next sound lasts.
fn next_us(buffer: &mut JitterBuffer, now: u64, ready_us: u64) -> u64 {
    match buffer.pop(now, ready_us) {
        Pop::Silence => 10_000 - ready_us,
        Pop::Conceal | Pop::Before(_) | Pop::Play(_, Adjust::Keep) => 20_000,
        Pop::Play(_, adjust) => {
            buffer.adjusted(false);
            if adjust == Adjust::Lengthen { 30_000 } else { 10_000 }
        }
    }
}

/// Steps of [`listen`] in a second.
const STEPS: usize = 100;

/// A queue that grows by 4 ms with each packet from number `from` on, stands at 200 ms for `stands`
/// packets and goes as it came, µs.
fn queue_us(n: u32, from: u32, stands: u32) -> u64 {
    let up = n.saturating_sub(from).min(50);
    let down = n.saturating_sub(from + 50 + stands).min(50);
    u64::from(up - down) * 4_000
}

#[test]
fn a_queue_that_is_over_is_not_waited_for() {
    for stands in [0, 50] {
        let heard = listen(3_000, 0, |n| Some(30_000 + queue_us(n, 1_500, stands)));
        let over = 32 * STEPS + stands as usize * 2;
        let (before, after) = (heard[30 * STEPS], heard[over + 3 * STEPS]);
        assert!(heard[over - STEPS].delay_us > 150_000, "as long as it stands");
        assert!(after.delay_us < 40_000, "three seconds after it: {after:?}");
        let concealed = heard.last().unwrap().concealed - before.concealed;
        assert!(concealed <= 15, "200 ms, and hardly more: {concealed}");
    }
}

#[test]
fn a_queue_at_the_very_beginning_is_forgotten_soon() {
    let heard = listen(1_000, 0, |n| Some(30_000 + queue_us(n, 0, 0)));
    assert!(heard[12 * STEPS].delay_us < 40_000, "{:?}", heard[12 * STEPS]);
}

#[test]
fn what_comes_again_and_again_is_waited_for() {
    // Everything is held up behind a packet that was lost and sent again.
    let held_us = |n: u32| u64::from(100_u32.saturating_sub(n % 100 * 20)) * 1_000;
    let heard = listen(3_000, 0, |n| Some(30_000 + held_us(n)));
    let concealed = heard.last().unwrap().concealed - heard[10 * STEPS].concealed;
    assert!(concealed <= 2, "{concealed}");
    assert!(heard[10 * STEPS..].iter().all(|at| at.target_us == heard[10 * STEPS].target_us));
}

#[test]
fn the_second_copy_is_waited_for_or_not_but_not_back_and_forth() {
    let mut changes = 0;
    for seed in 1..=20 {
        let mut random = Random(seed);
        let lost: Vec<bool> = (0..3_000).map(|_| random.chance(10)).collect();
        let heard = listen(3_000, 2, |n| (!lost[n as usize]).then_some(30_000));
        let targets = heard[10 * STEPS..].windows(2);
        changes += targets.filter(|pair| pair[0].target_us != pair[1].target_us).count();
    }
    assert!(changes <= 20, "{changes} in 20 times 50 s");
}
