//! A record in memory: for tests, and for programs that hold their own copy.

use std::collections::BTreeMap;

use super::{Content, Source, SourceError};

/// Files by path.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Source for Memory {
    fn read(&self, path: &str, limit: usize) -> Result<Content, SourceError> {
        Ok(match self.0.get(path) {
            Some(bytes) if bytes.len() <= limit => Content::Bytes(bytes.clone()),
            Some(_) => Content::Unreadable("it is larger than such a file may be"),
            None => Content::Missing,
        })
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let rest = self.0.get(path).and_then(|bytes| bytes.get(usize::try_from(offset).ok()?..));
        Ok(rest.map(|rest| rest.iter().take(length).copied().collect()))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(self.0.get(path).map(|bytes| bytes.len() as u64))
    }

    fn paths(&self) -> Result<Vec<String>, SourceError> {
        Ok(self.0.keys().cloned().collect())
    }
}
