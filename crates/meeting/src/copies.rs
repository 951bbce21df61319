//! How many copies go with each packet: what loss calls for, unless they are what fills the line.

use crate::limits::{
    CALM_MS, COPIES_MAX, JAM_FACTOR, JAM_LOSS, JAM_PAUSE_MAX_MS, JAM_PAUSE_MS, JAM_SIGN_MS,
    JAM_SURE, JAM_TRIAL_MS, JAM_WAIT, NO_JAM_MS,
};
use crate::reception::Heard;

/// How many copies a loss calls for: none up to 0.5 %, one up to 3 %, else two.
pub(crate) fn copies_for(loss: u8) -> usize {
    match loss {
        0..=1 => 0,
        2..=6 => 1,
        _ => COPIES_MAX,
    }
}

/// What is known of the line.
enum Line {
    /// It bears what is sent, as far as is known. When copies were last added, at what loss.
    Open { raised: Option<(u64, u8)> },
    /// Loss shot up after that: none are sent, to see whether it falls.
    Trial { since_ms: u64, loss: u8 },
    /// It fell, or what is sent waits in a queue: the line is full.
    Full { until_ms: u64 },
    /// It did not: the line is bad, and copies are what helps.
    Bad { until_ms: u64 },
}

/// Decides on copies. On a narrow line they can make the loss that they are sent against.
pub(crate) struct Copies {
    sent: usize,
    /// What loss called for lately; one at first, when nobody has reported yet.
    kept: usize,
    /// How much was said since something called for as many, ms.
    calm_ms: u64,
    line: Line,
    /// How long the next finding that the line is full counts, ms.
    pause_ms: u64,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            sent: 0,
            kept: 1,
            calm_ms: 0,
            line: Line::Open { raised: None },
            pause_ms: JAM_PAUSE_MS,
        }
    }
}

impl Copies {
    /// How many go with a packet of `packet_ms` now. `heard`: the worst that anyone reports.
    pub(crate) fn due(&mut self, heard: Heard, now_ms: u64, packet_ms: u32) -> usize {
        self.judge(heard, now_ms);
        let waits = heard.wait >= JAM_WAIT;
        let wanted = if waits { 0 } else { self.keep(copies_for(heard.loss), packet_ms) };
        if let Line::Open { raised } = &mut self.line
            && wanted > self.sent
            && heard.loss > 0
        {
            *raised = Some((now_ms, heard.loss));
        }
        self.sent = match self.line {
            Line::Trial { .. } | Line::Full { .. } => 0,
            Line::Open { .. } | Line::Bad { .. } => wanted,
        };
        self.sent
    }

    /// How many went with the last packet.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    /// Comes down slowly from what was called for.
    fn keep(&mut self, called: usize, packet_ms: u32) -> usize {
        self.calm_ms += u64::from(packet_ms);
        if called >= self.kept {
            (self.kept, self.calm_ms) = (called, 0);
        } else if self.calm_ms >= CALM_MS {
            (self.kept, self.calm_ms) = (self.kept - 1, 0);
        }
        self.kept
    }

    fn judge(&mut self, heard: Heard, now_ms: u64) {
        let (open, loss) = (Line::Open { raised: None }, heard.loss);
        if heard.wait >= JAM_WAIT && self.sent > 0 {
            return self.is_full(now_ms);
        }
        match self.line {
            Line::Open { raised: Some((at_ms, _)) } if now_ms > at_ms + JAM_SIGN_MS => {
                self.line = open;
            }
            Line::Open { raised } if self.sent > 0 && is_sign(raised, loss) => {
                self.line = Line::Trial { since_ms: now_ms, loss };
            }
            Line::Trial { since_ms, loss: before } if now_ms >= since_ms + JAM_TRIAL_MS => {
                if loss <= before / 2 {
                    self.is_full(now_ms);
                } else {
                    self.line = Line::Bad { until_ms: now_ms + NO_JAM_MS };
                }
            }
            Line::Full { until_ms } | Line::Bad { until_ms } if now_ms >= until_ms => {
                self.line = open;
            }
            _ => {}
        }
    }

    /// None for a while, and then as many as loss calls for.
    fn is_full(&mut self, now_ms: u64) {
        self.line = Line::Full { until_ms: now_ms + self.pause_ms };
        self.pause_ms = (2 * self.pause_ms).min(JAM_PAUSE_MAX_MS);
        self.kept = 0;
    }
}

/// Whether loss may come of the copies that were last added, or of copies at all.
fn is_sign(raised: Option<(u64, u8)>, loss: u8) -> bool {
    loss >= JAM_SURE || raised.is_some_and(|(_, before)| shot_up(before, loss))
}

fn shot_up(before: u8, loss: u8) -> bool {
    let before = u16::from(before);
    u16::from(loss) >= (before + JAM_LOSS).max(JAM_FACTOR * before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET_MS: u64 = 20;

    /// Copies over time, a packet each 20 ms, where the line does what `line` says to the copies.
    fn heard_over(seconds: u64, line: impl Fn(u64, usize) -> Heard) -> Vec<usize> {
        let mut copies = Copies::default();
        let (mut heard, mut sent) = (Heard::default(), Vec::new());
        for ms in (0..seconds * 1_000).step_by(PACKET_MS as usize) {
            // The first reports come in haste.
            if ms > 0 && ms % 2_000 == 0 {
                heard = line(ms, copies.sent());
            }
            sent.push(copies.due(heard, ms, PACKET_MS as u32));
        }
        sent
    }

    fn over(seconds: u64, line: impl Fn(u64, usize) -> u8) -> Vec<usize> {
        heard_over(seconds, |ms, copies| Heard { loss: line(ms, copies), ..Heard::default() })
    }

    /// For how long `is` held, ms.
    fn time(sent: &[usize], is: impl Fn(usize) -> bool) -> u64 {
        sent.iter().filter(|n| is(**n)).count() as u64 * PACKET_MS
    }

    #[test]
    fn one_copy_goes_from_the_first_packet_until_the_line_was_calm_for_a_while() {
        let sent = over(60, |_, _| 0);
        assert_eq!(time(&sent, |n| n == 1), CALM_MS - PACKET_MS);
        assert!(sent.starts_with(&[1; 500]) && sent.ends_with(&[0; 500]));
        assert_eq!(over(60, |_, _| 1), sent, "what is no loss calls for none");
    }

    #[test]
    fn copies_come_down_one_by_one() {
        let sent = over(90, |ms, _| if ms < 10_000 { 20 } else { 0 });
        assert!(sent[100..].starts_with(&[2; 1_200]), "2 to 26 s");
        let (two, one) = (time(&sent, |n| n == 2), time(&sent, |n| n == 1));
        assert!((7_900 + CALM_MS..=8_000 + CALM_MS).contains(&two), "{two}");
        assert!((1_900 + CALM_MS..=2_000 + CALM_MS).contains(&one), "{one}");
        assert_eq!(sent.last(), Some(&0));
    }

    #[test]
    fn a_loss_that_comes_and_goes_keeps_them() {
        let sent = over(300, |ms, _| if ms % 18_000 == 0 { 4 } else { 0 });
        assert_eq!(time(&sent, |n| n == 1), 300_000);
    }

    #[test]
    fn a_line_where_packets_wait_behind_copies_is_spared_them() {
        let wait = |copies| [0, 6, 9][copies];
        for loss in [0, 4, 40] {
            let sent = heard_over(300, |_, copies| Heard { loss, run: 1, wait: wait(copies) });
            let with = time(&sent, |n| n > 0);
            assert!((2_000..=12_000).contains(&with), "{with} ms with, at {loss}");
        }
        let calm = heard_over(300, |_, copies| Heard { wait: wait(copies), ..Heard::default() });
        assert_eq!(time(&calm, |n| n > 0), 2_000, "nothing calls for a second try");
    }

    #[test]
    fn a_queue_that_others_make_is_not_added_to() {
        let queue = |ms| if ms >= 60_000 { 8 } else { 0 };
        let sent = heard_over(90, |ms, _| Heard {
            loss: if ms < 60_000 { 0 } else { 20 },
            run: 1,
            wait: queue(ms),
        });
        assert_eq!(time(&sent, |n| n == 2), 0);
    }

    #[test]
    fn a_line_that_loses_what_copies_fill_is_spared_them() {
        for line in [[4, 60, 80], [4, 28, 74]] {
            let sent = over(300, |_, copies| line[copies]);
            let with = time(&sent, |n| n > 0);
            assert!(with > 0, "they are tried");
            assert!(with < 45_000, "{with} ms with, at {line:?}");
        }
    }

    #[test]
    fn a_line_that_loses_much_keeps_them() {
        for loss in [10, 20, 40, 50] {
            let sent = over(120, |_, _| loss);
            assert_eq!(time(&sent, |n| n < COPIES_MAX), 2_000, "{loss}: until the first report");
        }
        let without = time(&over(300, |_, _| 100), |n| n == 0);
        assert!(without <= JAM_TRIAL_MS + 40, "one trial where more is lost: {without} ms");
    }

    #[test]
    fn a_line_that_turns_bad_has_them_again_after_a_trial() {
        let sent = over(60, |ms, _| if ms < 4_000 { 7 } else { 60 });
        let without = time(&sent, |n| n == 0);
        assert!((JAM_TRIAL_MS..=JAM_TRIAL_MS + 200).contains(&without), "{without} ms without");
        assert_eq!(sent.last(), Some(&COPIES_MAX));
    }

    #[test]
    fn more_loss_calls_for_more_copies() {
        assert_eq!([0, 1, 2, 6, 7, 200].map(copies_for), [0, 0, 1, 1, 2, 2]);
    }
}
