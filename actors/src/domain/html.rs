//! HTML for GovApp: only its elements, its custom ones included, survive (DOMAIN section 3).
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const ORDINARY: [&str; 16] =
    ["p", "br", "b", "strong", "i", "em", "u", "ul", "ol", "li", "h1", "h2", "h3", "span", "a", "div"];
const CUSTOM: [&str; 3] = ["custom-qr", "custom-barcode", "custom-action-button"];
const BARCODES: [&str; 7] = ["qr", "code128", "code39", "code93", "gs1-128", "itf", "itf14"];

static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::default();
    let barcode: HashMap<&str, HashSet<&str>> = HashMap::from([("type", HashSet::from(BARCODES))]);
    builder
        .tags(ORDINARY.into_iter().chain(CUSTOM).collect())
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .tag_attribute_values(HashMap::from([("custom-barcode", barcode)]))
        .url_schemes(HashSet::from(["https", "http", "mailto", "tel"]))
        .link_rel(None);
    builder
});

/// The HTML with nothing but GovApp's elements in it; always well formed. Custom elements need
/// their closing tags: `<custom-qr/>` doesn't close itself.
pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// Cleaned HTML as plain text: blocks and breaks become line breaks, a link keeps its address.
pub fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut link = None;
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&decode(&rest[..open]));
        let Some(close) = rest[open..].find('>').map(|at| at + open) else { break };
        let tag = &rest[open + 1..close];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        match name {
            "br" | "p" | "div" | "li" | "h1" | "h2" | "h3" | "ul" | "ol" => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            "a" if tag.starts_with('/') => {
                if let Some(address) = link.take().filter(|address: &String| !text.ends_with(address.as_str())) {
                    text.push_str(" (");
                    text.push_str(&address);
                    text.push(')');
                }
            }
            "a" => link = tag.split("href=\"").nth(1).and_then(|href| href.split('"').next()).map(decode),
            _ => {}
        }
        rest = &rest[close + 1..];
    }
    text.push_str(&decode(rest));
    text.trim().to_owned()
}

/// The entities that ammonia writes.
fn decode(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", " ").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn govapps_own_elements_stay_and_everything_else_goes() {
        let kept = "<custom-barcode type=\"code128\">123</custom-barcode><custom-qr>x</custom-qr><b>y</b>";
        assert_eq!(clean(kept), kept);
        for wrong in [
            "<script>alert(1)</script>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<p onclick=\"x()\">x</p>",
            "<svg><script>1</script></svg>",
            "<style>p{}</style>",
            "<custom-barcode type=\"evil\">1</custom-barcode>",
            "<img src=x onerror=alert(1)>",
        ] {
            let clean = clean(wrong);
            for trace in ["script", "onclick", "svg", "style", "evil", "onerror", "img"] {
                assert!(!clean.contains(trace), "{wrong} left {clean}");
            }
        }
    }

    #[test]
    fn a_text_keeps_lines_and_addresses() {
        let html = clean("<p>Bonjour &amp; merci</p><p>Voyez <a href=\"https://a.be/x\">ici</a></p>");
        assert_eq!(to_text(&html), "Bonjour & merci\nVoyez ici (https://a.be/x)");
    }
}
