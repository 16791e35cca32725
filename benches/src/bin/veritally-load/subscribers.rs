//! Readers of the events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinHandle;

use crate::drive::connect;
use crate::scene::Scene;

/// Many readers; they end when this is dropped.
pub(crate) struct Subscribers {
    events: Arc<AtomicU64>,
    dropped: Arc<AtomicUsize>,
    readers: Vec<JoinHandle<()>>,
}

impl Subscribers {
    /// Subscribes so many readers.
    pub(crate) async fn start(scene: &Scene, many: usize) -> Result<Self> {
        let (events, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut readers = Vec::with_capacity(many);
        for address in scene.addresses.iter().cycle().take(many) {
            let mut connection = connect(address).await?;
            let path = format!("/e/{}/events", scene.id);
            let request = Request::get(path).header(http::header::HOST, address).body(Full::new(Bytes::new()))?;
            let response = connection.send_request(request).await?;
            ensure!(response.status() == StatusCode::OK, "no events: {}", response.status());
            let (events, dropped) = (Arc::clone(&events), Arc::clone(&dropped));
            readers.push(tokio::spawn(async move {
                let mut body = response.into_body();
                while let Some(Ok(frame)) = body.frame().await {
                    let data = frame.into_data().unwrap_or_default();
                    let ends = data.windows(2).filter(|pair| pair == b"\n\n").count();
                    events.fetch_add(ends as u64, Ordering::Relaxed);
                }
                dropped.fetch_add(1, Ordering::Relaxed);
                drop(connection);
            }));
        }
        Ok(Self { events, dropped, readers })
    }

    /// Events that came so far, for all readers together.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Readers whose stream ended.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}
