//! Waking a thread that waits for descriptors.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::descriptors::Descriptor;

/// A pipe that one thread waits for and the others write to.
#[derive(Debug)]
pub(crate) struct Wake {
    read: Descriptor,
    write: Descriptor,
    /// Something is in the pipe, so nothing more need be written.
    set: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> std::io::Result<Self> {
        let (read, write) = crate::capture::pipe()?;
        for end in [&read, &write] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Wake {
            read: Descriptor::new(read),
            write: Descriptor::new(write),
            set: AtomicBool::new(false),
        })
    }

    pub(crate) fn wake(&self) {
        if !self.set.swap(true, Ordering::AcqRel) {
            // Full means that it is set already.
            let _ = rustix::io::write(&self.write, &[1]);
        }
    }

    /// Waits to be woken, until that time at most.
    pub(crate) fn wait_until(&self, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let time = Timespec {
                tv_sec: left.as_secs() as _,
                tv_nsec: left.subsec_nanos() as _,
            };
            match poll(&mut [PollFd::new(self, PollFlags::IN)], Some(&time)) {
                Err(Errno::INTR) => {}
                woken => {
                    if matches!(woken, Ok(1..)) {
                        self.clear();
                    }
                    return;
                }
            }
        }
    }

    /// To be called before looking at what the waking was for.
    pub(crate) fn clear(&self) {
        let mut bytes = [0_u8; 16];
        while rustix::io::read(&self.read, &mut bytes).is_ok_and(|count| count > 0) {}
        // Behind the reading, else a byte that comes between would be lost with `set` left on. A swap, because whoever
        // finds it set writes nothing: what it has left for this thread must be seen from here on.
        self.set.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
