//! Reading a board's server-sent events, across broken connections.

use std::time::{Duration, Instant};

use reqwest::{Method, Request, header};

use super::{Client, ClientError, ElectionClient, FIRST_PAUSE, LONGEST_PAUSE, MAX_JSON_BYTES, chain, jittered};
use crate::answers::{Status, Tally};
use crate::paths;

/// Longest line: the data of a tally.
const MAX_LINE_BYTES: usize = MAX_JSON_BYTES;

/// What a board tells while an election runs. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Counts, phase, head.
    Status(Box<Status>),
    /// The running encrypted tally of a new tally head.
    Tally(Box<Tally>),
}

/// The events of an election, resumed where a connection broke.
pub struct Events {
    client: Client,
    path: String,
    last_id: Option<String>,
    connection: Option<reqwest::Response>,
    lines: Lines,
    patience: Duration,
}

impl ElectionClient {
    /// Events after the given log size; `None` begins with the present state.
    #[must_use]
    pub fn events(&self, after: Option<u64>) -> Events {
        Events {
            path: self.path(paths::EVENTS),
            client: self.client().clone(),
            last_id: after.map(|id| id.to_string()),
            connection: None,
            lines: Lines::default(),
            patience: self.client().patience,
        }
    }
}

impl Events {
    /// The next event. Reconnects by itself; fails when the board refuses, or can't be reached within the client's
    /// patience.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        let mut deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.read().await {
                Ok(Some(event)) => return Ok(event),
                // A sign of life, or an event of a kind that this version does not know.
                Ok(None) => {
                    deadline = Instant::now() + self.patience;
                    continue;
                }
                Err(error) => error,
            };
            self.connection = None;
            self.lines = Lines::default();
            let Some(wait) = error.pause(pause).map(jittered) else { return Err(error) };
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads up to the next empty line.
    async fn read(&mut self) -> Result<Option<Event>, ClientError> {
        let url = self.client.url(&self.path)?;
        if self.connection.is_none() {
            let mut request = Request::new(Method::GET, url.clone());
            if let Some(value) = self.last_id.as_ref().and_then(|id| header::HeaderValue::from_str(id).ok()) {
                request.headers_mut().insert("last-event-id", value);
            }
            self.connection = Some(self.client.execute(request).await?);
        }
        loop {
            if let Some(raw) = self.lines.next_event() {
                self.last_id = raw.id.or(self.last_id.take());
                return parse(&raw.name, &raw.data)
                    .map_err(|e| ClientError::Malformed { url, reason: format!("event {}: {e}", raw.name) });
            }
            let unreachable = |reason| ClientError::Unreachable { url: url.clone(), reason };
            let Some(connection) = &mut self.connection else { return Err(unreachable("closed".into())) };
            let chunk = connection.chunk().await.map_err(|e| unreachable(chain(&e)))?;
            let chunk = chunk.ok_or_else(|| unreachable("the board closed the connection".into()))?;
            if self.lines.buffer.len() + chunk.len() > MAX_LINE_BYTES {
                return Err(ClientError::TooLong { url, limit: MAX_LINE_BYTES });
            }
            self.lines.buffer.extend_from_slice(&chunk);
        }
    }
}

fn parse(name: &str, data: &str) -> Result<Option<Event>, serde_json::Error> {
    Ok(match name {
        "status" => Some(Event::Status(Box::new(serde_json::from_str(data)?))),
        "tally" => Some(Event::Tally(Box::new(serde_json::from_str(data)?))),
        _ => None,
    })
}

/// An event as it stands in the stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Raw {
    id: Option<String>,
    name: String,
    data: String,
}

/// Bytes received and not yet read.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    /// Bytes in which no event ends.
    scanned: usize,
}

impl Lines {
    /// Takes the next event, up to its empty line. Lines end with `\n`, as boards write them.
    fn next_event(&mut self) -> Option<Raw> {
        let new = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(end) = new.windows(2).position(|pair| pair == b"\n\n") else {
            self.scanned = self.buffer.len().saturating_sub(1);
            return None;
        };
        let block: Vec<u8> = self.buffer.drain(..self.scanned + end + 2).collect();
        self.scanned = 0;
        let mut raw = Raw::default();
        for line in String::from_utf8_lossy(&block).lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => raw.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut raw.name),
                "data" if raw.data.is_empty() => value.clone_into(&mut raw.data),
                "data" => raw.data = format!("{}\n{value}", raw.data),
                _ => {}
            }
        }
        Some(raw)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn events_are_read_whole_however_they_are_cut() {
        let text = b"event:status\ndata:{\"a\":1}\nid:7\n\n:\n\nevent: tally\ndata: x\ndata: y\nid: 8\n\nevent:half";
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for byte in text {
            lines.buffer.push(*byte);
            events.extend(lines.next_event());
        }
        assert_eq!(events.len(), 3);
        assert_eq!(events[0], Raw { id: Some("7".into()), name: "status".into(), data: "{\"a\":1}".into() });
        assert_eq!(events[1], Raw::default());
        assert_eq!(events[2], Raw { id: Some("8".into()), name: "tally".into(), data: "x\ny".into() });
    }

    #[test]
    fn unknown_events_are_skipped_and_malformed_ones_are_errors() {
        assert_eq!(parse("", "").unwrap(), None);
        assert_eq!(parse("news", "x").unwrap(), None);
        assert!(parse("status", "{}").is_err());
    }
}
