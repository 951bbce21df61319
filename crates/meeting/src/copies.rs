//! How many copies go with each packet: what loss calls for, unless they are what fills the line.

use crate::limits::{
    COPIES_MAX, JAM_FACTOR, JAM_LOSS, JAM_PAUSE_MAX_MS, JAM_PAUSE_MS, JAM_SIGN_MS, JAM_TRIAL_MS,
    NO_JAM_MS,
};

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
    /// It fell: the line is full.
    Full { until_ms: u64 },
    /// It did not: the line is bad, and copies are what helps.
    Bad { until_ms: u64 },
}

/// Decides on copies. On a narrow line they can make the loss that they are sent against.
pub(crate) struct Copies {
    sent: usize,
    line: Line,
    /// How long the next finding that the line is full counts, ms.
    pause_ms: u64,
}

impl Default for Copies {
    fn default() -> Self {
        Self { sent: 0, line: Line::Open { raised: None }, pause_ms: JAM_PAUSE_MS }
    }
}

impl Copies {
    /// How many go with a packet now. `loss`: the largest that anyone reports, in half per cent.
    pub(crate) fn due(&mut self, loss: u8, now_ms: u64) -> usize {
        self.judge(loss, now_ms);
        let wanted = copies_for(loss);
        if let Line::Open { raised } = &mut self.line
            && wanted > self.sent
        {
            *raised = Some((now_ms, loss));
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

    fn judge(&mut self, loss: u8, now_ms: u64) {
        let open = Line::Open { raised: None };
        match self.line {
            Line::Open { raised: Some((at_ms, _)) } if now_ms > at_ms + JAM_SIGN_MS => {
                self.line = open;
            }
            Line::Open { raised: Some((_, before)) } if shot_up(before, loss) => {
                self.line = Line::Trial { since_ms: now_ms, loss };
            }
            Line::Trial { since_ms, loss: before } if now_ms >= since_ms + JAM_TRIAL_MS => {
                if loss <= before / 2 {
                    self.line = Line::Full { until_ms: now_ms + self.pause_ms };
                    self.pause_ms = (2 * self.pause_ms).min(JAM_PAUSE_MAX_MS);
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
}

fn shot_up(before: u8, loss: u8) -> bool {
    let before = u16::from(before);
    u16::from(loss) >= (before + JAM_LOSS).max(JAM_FACTOR * before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies over time, a step each 100 ms, where the line loses what `line` says of the copies.
    fn over(seconds: u64, line: impl Fn(u64, usize) -> u8) -> Vec<usize> {
        let mut copies = Copies::default();
        let (mut loss, mut sent) = (0, Vec::new());
        for ms in (0..seconds * 1_000).step_by(100) {
            if ms % 2_000 == 0 {
                loss = line(ms, copies.sent());
            }
            sent.push(copies.due(loss, ms));
        }
        sent
    }

    #[test]
    fn a_line_that_copies_fill_is_spared_them() {
        let sent = over(300, |_, copies| [4, 60, 80][copies]);
        let with = sent.iter().filter(|n| **n > 0).count() as f64 / sent.len() as f64;
        assert!(sent.contains(&1), "they are tried");
        assert!(with < 0.1, "{with:.2} of the time");
    }

    #[test]
    fn a_line_that_loses_much_keeps_them() {
        for loss in [10, 20, 40, 100] {
            let sent = over(120, |_, _| loss);
            assert!(sent.iter().all(|n| *n == COPIES_MAX), "{loss}");
        }
    }

    #[test]
    fn a_line_that_turns_bad_has_them_again_after_a_trial() {
        let sent = over(60, |ms, _| if ms < 4_000 { 4 } else { 60 });
        let without = sent.iter().skip(1).filter(|n| **n == 0).count() as u64 * 100;
        assert!(without <= JAM_TRIAL_MS + 200, "{without} ms without");
        assert_eq!(sent.last(), Some(&COPIES_MAX));
    }

    #[test]
    fn what_is_no_loss_calls_for_none() {
        assert_eq!([0, 1, 2, 6, 7, 200].map(copies_for), [0, 0, 1, 1, 2, 2]);
        assert!(over(20, |_, _| 1).iter().all(|n| *n == 0));
    }
}
