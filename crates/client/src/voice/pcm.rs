//! What is heard as raw samples, for another program: 48 kHz, mono, signed 16 bit, little-endian.
//!
//! A reader that is slow or gone must not hold up the meeting: blocks go through a queue of one
//! second to a thread of their own, and those that find it full are left out.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use standfast_media::Block;

use super::VoiceError;

/// Blocks that may wait for the reader: one second.
const WAITING: usize = 100;
/// At the end, the reader has this long to take what is left.
const LAST: Duration = Duration::from_secs(1);

/// The writing end. What is left is written when it is dropped.
pub(super) struct PcmSink {
    blocks: Option<SyncSender<Vec<u8>>>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl PcmSink {
    pub(super) fn new(mut out: impl Write + Send + 'static) -> Result<Self, VoiceError> {
        let (blocks, queued) = sync_channel::<Vec<u8>>(WAITING);
        let (end, ended) = sync_channel::<()>(0);
        std::thread::Builder::new().name("pcm".into()).spawn(move || {
            let _end = end;
            for block in queued {
                if out.write_all(&block).and_then(|()| out.flush()).is_err() {
                    return; // the reader is gone
                }
            }
        })?;
        Ok(Self { blocks: Some(blocks), ended })
    }

    pub(super) fn write(&mut self, block: &Block) {
        let Some(blocks) = &self.blocks else { return };
        let bytes = block.iter().flat_map(|sample| sample16(*sample).to_le_bytes()).collect();
        if let Err(TrySendError::Disconnected(_)) = blocks.try_send(bytes) {
            self.blocks = None;
        }
    }
}

impl Drop for PcmSink {
    fn drop(&mut self) {
        self.blocks = None;
        // Ends early when the thread does: its sender goes with it.
        let _ = self.ended.recv_timeout(LAST);
    }
}

/// A sample as 16 bit, what is too loud at the limit.
pub(super) fn sample16(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Instant;

    use standfast_media::SILENT_BLOCK;

    use super::*;

    struct Pipe(Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.send(buf.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_secs(3600));
            Ok(0)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn samples_come_out_as_they_are_named() {
        let (pipe, out) = channel();
        let mut sink = PcmSink::new(Pipe(pipe)).unwrap();
        let mut block = SILENT_BLOCK;
        (block[0], block[1], block[2]) = (1.0, -2.0, 0.5);
        sink.write(&block);
        sink.write(&SILENT_BLOCK);
        drop(sink);
        let bytes: Vec<u8> = out.iter().flatten().collect();
        assert_eq!(bytes.len(), 2 * 2 * SILENT_BLOCK.len());
        assert_eq!(bytes[..6], [0xff, 0x7f, 0x01, 0x80, 0xff, 0x3f]);
        assert!(bytes[6..].iter().all(|b| *b == 0));
    }

    #[test]
    fn a_reader_that_is_stuck_or_gone_holds_nothing_up() {
        let started = Instant::now();
        let mut stuck = PcmSink::new(Stuck).unwrap();
        (0..10 * WAITING).for_each(|_| stuck.write(&SILENT_BLOCK));
        assert!(started.elapsed() < LAST, "writing waited");
        drop(stuck);
        let (pipe, out) = channel();
        drop(out);
        let mut gone = PcmSink::new(Pipe(pipe)).unwrap();
        (0..10 * WAITING).for_each(|_| gone.write(&SILENT_BLOCK));
        drop(gone);
        assert!(started.elapsed() < 3 * LAST, "the end waited");
    }
}
