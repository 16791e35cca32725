//! Static content: entity tags, conditions and byte ranges (RFC 9110), so that any cache works and downloads resume.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE,
    RANGE,
};
use http::{Method, Response as HttpResponse, StatusCode};
use http_range_header::parse_range_header;
use veritally_board_api::{Problem, ProblemKind};
use warp::Filter;
use warp::reply::Response;

use super::reply::{self, BINARY, FOR_EVER, JSON, TEXT};

/// What a request wants of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    if_none_match: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
    range: Option<HeaderValue>,
}

/// Reads them from a request.
pub(super) fn conditions() -> impl Filter<Extract = (Conditions,), Error = Infallible> + Clone {
    warp::header::headers_cloned().and(warp::method()).map(|mut headers: HeaderMap, method| Conditions {
        if_none_match: headers.remove(IF_NONE_MATCH),
        if_range: headers.remove(IF_RANGE),
        // Ranges are for GET only.
        range: headers.remove(RANGE).filter(|_| method == Method::GET),
    })
}

/// A file to be served.
pub(super) struct File {
    content_type: HeaderValue,
    cache: HeaderValue,
    /// Quotes included.
    tag: String,
}

impl File {
    /// A file that never changes; `tag` names it among all files of all logs.
    pub(super) fn immutable(tag: &str) -> Self {
        Self { content_type: BINARY, cache: FOR_EVER, tag: format!("\"{tag}\"") }
    }

    /// The same as JSON.
    pub(super) fn immutable_json(tag: &str) -> Self {
        Self { content_type: JSON, ..Self::immutable(tag) }
    }

    /// A text that changes: `tag` changes with it.
    pub(super) fn changing(tag: &str) -> Self {
        Self { content_type: TEXT, cache: reply::ASK_AGAIN, tag: format!("\"{tag}\"") }
    }

    /// 304, if the client has it already: then its content need not be read.
    pub(super) fn known(&self, conditions: &Conditions) -> Option<Response> {
        let tags = conditions.if_none_match.as_ref()?.to_str().ok()?;
        let same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag;
        if !tags.split(',').map(str::trim).any(same) {
            return None;
        }
        let mut response = HttpResponse::new(Bytes::new().into());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(CACHE_CONTROL, self.cache.clone());
        Some(self.tagged(response))
    }

    /// All of it, or the range that was asked for.
    pub(super) fn reply(self, content: Bytes, conditions: &Conditions) -> Response {
        let length = content.len();
        match self.range(length, conditions) {
            Ok(None) => {
                let response = reply::respond(StatusCode::OK, self.content_type.clone(), self.cache.clone(), content);
                self.tagged(response)
            }
            Ok(Some((first, last))) => {
                let part = content.slice(first..=last);
                let (kind, cache) = (self.content_type.clone(), self.cache.clone());
                let response = reply::respond(StatusCode::PARTIAL_CONTENT, kind, cache, part);
                let range = format!("bytes {first}-{last}/{length}");
                self.tagged(reply::with_header(response, CONTENT_RANGE, &range))
            }
            Err(()) => {
                let problem = Problem::new(ProblemKind::RangeNotSatisfiable, format!("It has {length} bytes."));
                reply::with_header(reply::problem(&problem), CONTENT_RANGE, &format!("bytes */{length}"))
            }
        }
    }

    /// First and last byte. Several ranges, or what is no range of bytes, are ignored, as RFC 9110 section 14.2 allows.
    fn range(&self, length: usize, conditions: &Conditions) -> Result<Option<(usize, usize)>, ()> {
        let Some(range) = conditions.range.as_ref().and_then(|value| value.to_str().ok()) else { return Ok(None) };
        if conditions.if_range.as_ref().is_some_and(|tag| tag.as_bytes() != self.tag.as_bytes()) {
            return Ok(None);
        }
        let Ok(parsed) = parse_range_header(range) else { return Ok(None) };
        if parsed.len() != 1 {
            return Ok(None);
        }
        let valid = parsed.validate(length as u64).map_err(|_| ())?;
        let range = valid.into_iter().next().ok_or(())?;
        let position = |at: u64| usize::try_from(at).map_err(|_| ());
        Ok(Some((position(*range.start())?, position(*range.end())?)))
    }

    fn tagged(&self, response: Response) -> Response {
        let response = reply::with_header(response, ETAG, &self.tag);
        reply::with_header(response, ACCEPT_RANGES as HeaderName, "bytes")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn range(range: &str, if_range: Option<&str>) -> Result<Option<(usize, usize)>, ()> {
        let conditions = Conditions {
            if_none_match: None,
            if_range: if_range.map(|tag| tag.parse().unwrap()),
            range: Some(range.parse().unwrap()),
        };
        File::immutable("tag").range(10, &conditions)
    }

    #[test]
    fn one_range_is_served_and_what_is_none_is_ignored() {
        assert_eq!(range("bytes=0-3", None), Ok(Some((0, 3))));
        assert_eq!(range("bytes=8-", None), Ok(Some((8, 9))));
        assert_eq!(range("bytes=-3", None), Ok(Some((7, 9))));
        assert_eq!(range("bytes=-30", None), Ok(Some((0, 9))));
        assert_eq!(range("bytes=5-500", None), Ok(Some((5, 9))));
        for ignored in ["bytes=0-1,4-5", "lines=1-2", "bytes", "bytes=x-y", "bytes=5-2"] {
            assert_eq!(range(ignored, None), Ok(None), "{ignored}");
        }
        for bad in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert_eq!(range(bad, None), Err(()), "{bad}");
        }
        let huge = format!("bytes=0-{}", u128::MAX);
        assert!(matches!(range(&huge, None), Ok(None | Some((0, 9)))));
    }

    #[test]
    fn a_range_of_another_version_gets_all_of_this_one() {
        assert_eq!(range("bytes=0-3", Some("\"tag\"")), Ok(Some((0, 3))));
        assert_eq!(range("bytes=0-3", Some("\"other\"")), Ok(None));
        assert_eq!(range("bytes=0-3", Some("W/\"tag\"")), Ok(None), "a weak tag is no proof");
    }

    #[test]
    fn who_has_the_newest_version_is_told_so() {
        let known = |tags: &str| {
            let conditions = Conditions { if_none_match: Some(tags.parse().unwrap()), ..Conditions::default() };
            File::changing("tag").known(&conditions).map(|response| response.status())
        };
        assert_eq!(known("\"tag\""), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(known("\"a\", W/\"tag\""), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(known("*"), Some(StatusCode::NOT_MODIFIED));
        assert_eq!(known("\"other\""), None);
    }
}
