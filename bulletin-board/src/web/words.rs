//! The pages' words in four languages: `words/*.toml`, one line a text, in the order of [`Language::ALL`].

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English; what is shown when nothing else is asked for.
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Language {
    /// In the order of the catalog's columns.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Fr, Self::Es];

    /// Its tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }

    /// Its own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Fr => "Français",
            Self::Es => "Español",
        }
    }

    /// By tag; `de-AT` is `de`.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.tag() == primary)
    }

    /// The best of an Accept-Language header (RFC 9110 section 12.5.4).
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for item in header.split(',').take(32) {
            let (tag, quality) = item.split_once(';').unwrap_or((item, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(0.0);
            if let Some(language) = Self::parse(tag).filter(|_| quality > best.map_or(0.0, |(q, _)| q)) {
                best = Some((quality, language));
            }
        }
        best.map(|(_, language)| language)
    }

    fn column(self) -> usize {
        self as usize
    }
}

type Catalog = HashMap<String, [String; 4]>;

/// All texts, by key.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut all = Catalog::new();
    for source in SOURCES {
        // Checked by a test: a file that can't be read leaves its keys on the pages.
        all.extend(toml::from_str::<Catalog>(source).unwrap_or_default());
    }
    all
});

const SOURCES: [&str; 2] = [include_str!("words/public.toml"), include_str!("words/admin.toml")];

/// A number as templates hand it over, behind some references.
pub trait Count {
    /// The number.
    fn value(&self) -> u64;
}

impl Count for u64 {
    fn value(&self) -> u64 {
        *self
    }
}

impl<T: Count + ?Sized> Count for &T {
    fn value(&self) -> u64 {
        (*self).value()
    }
}

/// The texts of one language; templates call it `w`.
#[derive(Debug, Clone, Copy)]
pub struct Words(pub Language);

impl Words {
    /// The text with this key.
    #[must_use]
    pub fn t<'k>(&self, key: &'k str) -> &'k str {
        CATALOG.get(key).and_then(|row| row.get(self.0.column())).map_or(key, String::as_str)
    }

    /// The text with a key that was put together; empty when there is none.
    #[must_use]
    pub fn s(&self, key: &str) -> &'static str {
        CATALOG.get(key).and_then(|row| row.get(self.0.column())).map_or("", String::as_str)
    }

    /// The text with this key, `{}` replaced by a value.
    #[must_use]
    pub fn f(&self, key: &str, value: impl Display) -> String {
        self.t(key).replacen("{}", &value.to_string(), 1)
    }

    /// The text with this key, both `{}` replaced, in order.
    #[must_use]
    pub fn f2(&self, key: &str, first: impl Display, second: impl Display) -> String {
        // Both at once: a value may contain braces.
        let mut parts = self.t(key).splitn(3, "{}");
        let mut part = || parts.next().unwrap_or_default();
        format!("{}{first}{}{second}{}", part(), part(), part())
    }

    /// An integer, its thousands set apart as the language does.
    #[must_use]
    pub fn num(&self, value: impl Count) -> String {
        let digits = value.value().to_string();
        let separator = match self.0 {
            Language::En => ',',
            Language::De => '.',
            Language::Fr | Language::Es => '\u{202f}',
        };
        let mut out = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(separator);
            }
            out.push(digit);
        }
        out
    }

    /// A share in percent with one digit after the point.
    #[must_use]
    pub fn percent(&self, part: impl Count, whole: impl Count) -> String {
        let (part, whole) = (part.value(), whole.value());
        if whole == 0 {
            return "–".into();
        }
        let tenths = u128::from(part) * 1_000 / u128::from(whole);
        self.decimal(u64::try_from(tenths / 10).unwrap_or(u64::MAX), u64::try_from(tenths % 10).unwrap_or(0), 1)
            + "\u{a0}%"
    }

    /// A quotient with two digits after the point.
    #[must_use]
    pub fn mean(&self, sum: u64, count: u64) -> String {
        if count == 0 {
            return "–".into();
        }
        let hundredths = (u128::from(sum) * 100 + u128::from(count) / 2) / u128::from(count);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        self.decimal(u64::try_from(whole).unwrap_or(u64::MAX), u64::try_from(rest).unwrap_or(0), 2)
    }

    fn decimal(&self, whole: u64, fraction: u64, digits: usize) -> String {
        let point = if self.0 == Language::En { '.' } else { ',' };
        format!("{}{point}{fraction:0digits$}", self.num(whole))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_text_exists_once_in_four_languages_with_the_same_places() {
        let mut keys = BTreeSet::new();
        for source in SOURCES {
            for (key, row) in toml::from_str::<Catalog>(source).unwrap() {
                let places: Vec<_> = row.iter().map(|text| text.matches("{}").count()).collect();
                assert!(places.iter().all(|n| *n == places[0]), "{key}: {places:?}");
                assert!(row.iter().all(|text| !text.trim().is_empty()), "{key} is empty somewhere");
                assert!(keys.insert(key.clone()), "{key} occurs twice");
            }
        }
        assert!(keys.len() > 100);
    }

    #[test]
    fn every_key_that_a_template_names_is_in_the_catalog() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/templates");
        let files = [directory.join("admin"), directory].map(|folder| std::fs::read_dir(folder).unwrap());
        let mut named = 0;
        for file in files.into_iter().flatten() {
            let path = file.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for call in ["w.t(\"", "w.f(\"", "w.f2(\""] {
                for rest in text.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap();
                    assert!(CATALOG.contains_key(key), "{key} in {}", path.display());
                    named += 1;
                }
            }
        }
        assert!(named > 50);
    }

    #[test]
    fn the_preferred_language_is_chosen() {
        assert_eq!(Language::accepted("fr-CH, fr;q=0.9, en;q=0.8"), Some(Language::Fr));
        assert_eq!(Language::accepted("it, es;q=0.5, de;q=0.7"), Some(Language::De));
        assert_eq!(Language::accepted("it"), None);
        assert_eq!(Language::accepted(";;q=,"), None);
    }

    #[test]
    fn numbers_are_written_as_the_language_does() {
        assert_eq!(Words(Language::En).num(1_234_567u64), "1,234,567");
        assert_eq!(Words(Language::De).percent(1, 3), "33,3\u{a0}%");
        assert_eq!(Words(Language::En).mean(7, 3), "2.33");
        assert_eq!(Words(Language::En).percent(1, 0), "–");
    }
}
