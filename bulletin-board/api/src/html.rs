//! Text for pages that programs write without a template: the registrar's letters, the trustees' protocol.

/// As text or quoted attribute in HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(
            super::escaped("<b title='a' id=\"b\">&amp;"),
            "&lt;b title=&#39;a&#39; id=&quot;b&quot;&gt;&amp;amp;"
        );
    }
}
