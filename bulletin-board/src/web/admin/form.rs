//! Reading forms: fields and files, bounded in size and time.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use subtle::ConstantTimeEq as _;

use super::Refusal;

/// Longest form of who is signed in: a voter list of 200,000 people, or the roll of as many.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Longest form of a stranger: a password, a trustee's public file.
pub(super) const MAX_STRANGER_BYTES: usize = 16 << 10;
/// A form that is too long is read on, and forgotten, up to so many times its limit: a browser that is cut off while it
/// sends shows an error of its own instead of ours.
const MOST_OVER: usize = 4;
/// Most fields.
const MAX_FIELDS: usize = 2_000;
/// Longest time for a whole form: 32 MiB at 4.5 Mbit/s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A form as it was sent.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<(String, Bytes)>,
}

impl Form {
    pub async fn read<B: Buf>(
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
        limit: usize,
    ) -> Result<Self, Refusal> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bytes = tokio::time::timeout(TIMEOUT, collect(body, limit)).await.map_err(|_| Refusal::TooLarge)??;
        if let Ok(boundary) = multer::parse_boundary(content_type) {
            return Self::multipart(bytes, boundary).await;
        }
        let fields: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().take(MAX_FIELDS + 1).collect();
        if fields.len() > MAX_FIELDS { Err(Refusal::TooLarge) } else { Ok(Self { fields, files: vec![] }) }
    }

    async fn multipart(bytes: Bytes, boundary: String) -> Result<Self, Refusal> {
        let broken = |_: multer::Error| Refusal::Wrong("form_broken");
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
        let mut parts = multer::Multipart::new(body, boundary);
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            if form.fields.len() + form.files.len() >= MAX_FIELDS {
                return Err(Refusal::TooLarge);
            }
            let name = part.name().unwrap_or_default().to_owned();
            // A file's own name is never used.
            if part.file_name().is_some() {
                form.files.push((name, part.bytes().await.map_err(broken)?));
            } else {
                form.fields.push((name, part.text().await.map_err(broken)?));
            }
        }
        Ok(form)
    }

    /// A field, without space around it; empty when it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field as it was typed.
    pub fn raw(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Whether a box was ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.fields.iter().any(|(n, _)| n == name)
    }

    /// A file, if one with content was chosen.
    pub fn file(&self, name: &str) -> Option<&Bytes> {
        self.files.iter().find(|(n, _)| n == name).map(|(_, bytes)| bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Whether it was made for this session.
    pub fn check_token(&self, csrf: &str) -> Result<(), Refusal> {
        let same = self.text("csrf").as_bytes().ct_eq(csrf.as_bytes());
        if bool::from(same) { Ok(()) } else { Err(Refusal::Forbidden("form_foreign")) }
    }
}

async fn collect<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>, limit: usize) -> Result<Bytes, Refusal> {
    let mut body = std::pin::pin!(body);
    let (mut bytes, mut read) = (BytesMut::new(), 0usize);
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| Refusal::Wrong("form_broken"))?;
        read = read.saturating_add(chunk.remaining());
        if read > limit.saturating_mul(MOST_OVER) {
            return Err(Refusal::TooLarge);
        }
        if read > limit {
            bytes = BytesMut::new();
            continue;
        }
        while chunk.has_remaining() {
            let piece = chunk.chunk().to_vec();
            chunk.advance(piece.len());
            bytes.extend_from_slice(&piece);
        }
    }
    if read > limit { Err(Refusal::TooLarge) } else { Ok(bytes.freeze()) }
}
