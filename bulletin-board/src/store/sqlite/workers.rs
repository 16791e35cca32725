//! Threads that own connections, so that no asynchronous thread ever waits for the disk.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::store::StoreError;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Threads with one connection each that take jobs from one queue. The queue is bounded by the callers: each waits for
/// its answer.
pub(super) struct Workers {
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

fn gone() -> StoreError {
    StoreError::Backend("the database thread has ended, or the file was opened for reading only".into())
}

impl Workers {
    pub(super) fn start(name: &str, connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (queue, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = connections
            .into_iter()
            .map(|connection| {
                let jobs = Arc::clone(&jobs);
                std::thread::Builder::new().name(name.to_owned()).spawn(move || work(connection, &jobs))
            })
            .collect::<Result<_, _>>()
            .map_err(|e| StoreError::Backend(Box::new(e)))?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// No threads: every job is refused.
    pub(super) fn none() -> Self {
        Self { queue: None, threads: Vec::new() }
    }

    /// Runs a job on the next free connection. A job that began is finished even if the caller goes away.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller may have gone away.
            let _ = answer.send(job(connection));
        });
        self.queue.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

fn work(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting, not while working.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut connection);
    }
}

impl Drop for Workers {
    /// Finishes what was asked for and closes the connections; the last one folds the WAL into the file.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}
