//! The native part of `SnakeBridge.Native`: refs that the BEAM's garbage collector sees.
//!
//! A bin belongs to one worker; each of its refs has a resource. The destructor of a resource notes its id in the bin,
//! and the bin's owner is told when there is something in it. Nothing here knows sockets or Python.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustler::{Atom, Env, LocalPid, Resource, ResourceArc, Term};

mod atoms {
    rustler::atoms! { ok, dropped, crowded }
}

/// So many ids go with one release at most: taking them must not hold up a scheduler.
const TAKEN: usize = 20_000;

/// Tables that have once been large are made smaller from this capacity on.
const SPARE: usize = 4_096;

/// The refs of one worker.
struct Bin {
    owner: LocalPid,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The ids whose resources live.
    alive: HashSet<u64>,
    /// The ids whose resources are gone.
    dropped: Vec<u64>,
    /// Beyond so many living resources the owner is told, once.
    limit: Option<usize>,
}

/// What a ref holds.
struct Held {
    bin: ResourceArc<Bin>,
    id: u64,
}

impl Bin {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[rustler::resource_impl]
impl Resource for Bin {}

#[rustler::resource_impl]
impl Resource for Held {
    const IMPLEMENTS_DESTRUCTOR: bool = true;

    fn destructor(self, env: Env<'_>) {
        let first = {
            let mut state = self.bin.state();
            state.alive.remove(&self.id);
            state.dropped.push(self.id);
            state.dropped.len() == 1
        };
        if first {
            // Fails only where the owner has ended: then the worker's objects are gone too.
            let _ = env.send(&self.bin.owner, atoms::dropped());
        }
    }
}

#[rustler::nif(name = "loaded?")]
fn loaded() -> bool {
    true
}

#[rustler::nif]
fn bin(owner: LocalPid) -> ResourceArc<Bin> {
    ResourceArc::new(Bin {
        owner,
        state: Mutex::default(),
    })
}

#[rustler::nif]
fn owner(term: Term<'_>) -> Option<LocalPid> {
    let of_bin = term.decode::<ResourceArc<Bin>>().map(|bin| bin.owner);
    of_bin
        .or_else(|_| term.decode::<ResourceArc<Held>>().map(|held| held.bin.owner))
        .ok()
}

#[rustler::nif]
fn hold(env: Env<'_>, bin: Option<ResourceArc<Bin>>, id: u64) -> Option<ResourceArc<Held>> {
    let bin = bin?;
    let crowded = {
        let mut state = bin.state();
        state.alive.insert(id);
        let alive = state.alive.len();
        state.limit.take_if(|limit| alive > *limit).is_some()
    };
    if crowded {
        let _ = env.send(&bin.owner, atoms::crowded());
    }
    Some(ResourceArc::new(Held { bin, id }))
}

#[rustler::nif]
fn take(bin: Option<ResourceArc<Bin>>) -> Vec<u64> {
    let Some(bin) = bin else { return Vec::new() };
    let mut state = bin.state();
    if state.alive.capacity() > SPARE && state.alive.len() < state.alive.capacity() / 8 {
        let room = state.alive.len() * 2;
        state.alive.shrink_to(room);
    }
    match state.dropped.len() {
        0..=TAKEN => std::mem::take(&mut state.dropped),
        more => state.dropped.split_off(more - TAKEN),
    }
}

#[rustler::nif]
fn strays(bin: Option<ResourceArc<Bin>>, ids: Vec<u64>) -> Vec<u64> {
    let Some(bin) = bin else { return Vec::new() };
    let state = bin.state();
    ids.into_iter().filter(|id| !state.alive.contains(id)).collect()
}

#[rustler::nif]
fn count(bin: Option<ResourceArc<Bin>>) -> usize {
    bin.map_or(0, |bin| bin.state().alive.len())
}

#[rustler::nif]
fn limit(bin: Option<ResourceArc<Bin>>, count: usize) -> Atom {
    if let Some(bin) = bin {
        bin.state().limit = Some(count);
    }
    atoms::ok()
}

rustler::init!("Elixir.SnakeBridge.Native");
