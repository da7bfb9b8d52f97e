//! The worker's own file descriptors, and what becomes of them in a forked child.
//!
//! A forked child would keep our connections open after the worker has died, and might write into them. So every
//! descriptor of ours is listed here, and in a child each is replaced by `/dev/null`: the number stays taken, so
//! whatever still owns it in the child can close it without harm.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static OURS: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process is a forked child of the worker: nothing here may be used but the plain descriptors 0 to 2.
pub(crate) fn forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// A descriptor that forked children must not keep.
#[derive(Debug)]
pub(crate) struct Descriptor(OwnedFd);

impl Descriptor {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        ours().insert(fd.as_raw_fd());
        Descriptor(fd)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        ours().remove(&self.0.as_raw_fd());
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn ours() -> MutexGuard<'static, BTreeSet<RawFd>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Held by the thread that forks from before until after, so that the child finds the list unlocked and whole.
    static FORKING: RefCell<Option<MutexGuard<'static, BTreeSet<RawFd>>>> = const { RefCell::new(None) };
}

/// Has forked children let go of the list's descriptors.
pub(crate) fn watch_forks() {
    extern "C" fn before() {
        let _ = FORKING.try_with(|forking| *forking.borrow_mut() = Some(ours()));
    }
    extern "C" fn parent() {
        let _ = FORKING.try_with(|forking| forking.borrow_mut().take());
    }
    extern "C" fn child() {
        FORKED.store(true, Ordering::Relaxed);
        let _ = FORKING.try_with(|forking| {
            if let Some(mut list) = forking.borrow_mut().take() {
                let_go(&mut list);
            }
        });
    }
    // SAFETY: the three functions have the type that the call wants and live as long as the process: an extension
    // module is never unloaded.
    unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
}

fn let_go(list: &mut BTreeSet<RawFd>) {
    // SAFETY: plain system calls, allowed between fork and exec. Each listed descriptor belongs to this module, and
    // keeps a meaning: it is replaced, not closed.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for &fd in list.iter() {
            if null >= 0 {
                libc::dup2(null, fd);
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
        if null >= 0 {
            libc::close(null);
        }
    }
    list.clear();
}
