//! The text of a document as a page may show it.
//!
//! It was cleaned when it was published; it is cleaned again here, for the page, in a stricter way: text, lists, tables and links. No picture (it
//! would tell its server who reads), no style, no form, no identifier. Its headings become smaller ones, since the page has its own
//! above them. Invariant: what [`shown`] gives runs nothing and loads nothing.
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

const ELEMENTS: [&str; 37] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "ins",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];
const SCHEMES: [&str; 4] = ["https", "http", "mailto", "tel"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let spans = || HashSet::from(["colspan", "rowspan"]);
    builder
        .tags(HashSet::from(ELEMENTS).into_iter().chain(["u"]).collect())
        .clean_content_tags(HashSet::from(["script", "style", "title", "noscript", "template"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "hreflang"])),
            ("td", spans()),
            ("th", spans().into_iter().chain(["scope"]).collect()),
        ]))
        .generic_attributes(HashSet::from(["lang", "dir"]))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// The HTML that a page shows of it.
pub fn shown(html: &str) -> String {
    // Headings have no attributes but `lang` and `dir` after this, so that their names alone are replaced.
    let mut cleaned = CLEANER.clean(html).to_string();
    // From the smallest: none is replaced twice.
    for (from, to) in [(6, 6), (5, 6), (4, 6), (3, 5), (2, 4), (1, 3)] {
        cleaned = cleaned
            .replace(&format!("<h{from}"), &format!("<h{to}"))
            .replace(&format!("</h{from}>"), &format!("</h{to}>"));
    }
    cleaned
}

/// The HTML of what somebody wrote into a box for text: paragraphs where empty lines are.
pub fn of_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let html = paragraphs.map(|paragraph| {
        let lines: Vec<String> = paragraph.lines().map(escape).collect();
        format!("<p>{}</p>", lines.join("<br>"))
    });
    html.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_or_loads_something_goes_and_text_stays() {
        for (html, expected) in [
            ("<p>a <b>b</b></p>", "<p>a <b>b</b></p>"),
            ("<script>alert(1)</script>a", "a"),
            ("<style>p{}</style>a", "a"),
            ("<img src=https://t.example/x.gif>a", "a"),
            ("<p style=\"background:url(//t.example)\" class=x id=main onclick=y>a</p>", "<p>a</p>"),
            ("<iframe src=//e.example></iframe>a", "a"),
            ("<form action=//e.example><input name=p><button>b</button></form>", "b"),
            ("<svg><a xlink:href=javascript:x>a</a></svg>b", "b"),
            ("<a href=\"javascript:x\">a</a>", "<a rel=\"noopener noreferrer nofollow\">a</a>"),
            ("<a href=\"/mailbox/sign-out\">a</a>", "<a rel=\"noopener noreferrer nofollow\">a</a>"),
            (
                "<a href=\"https://e.example\" target=_blank>a</a>",
                "<a href=\"https://e.example\" rel=\"noopener noreferrer nofollow\">a</a>",
            ),
            ("<link rel=stylesheet href=//e.example><meta http-equiv=refresh content=0>a<base href=//e.example>", "a"),
            ("<h1>A</h1><h2 lang=\"fr\">B</h2><h4>C</h4>", "<h3>A</h3><h4 lang=\"fr\">B</h4><h6>C</h6>"),
            (
                "<table><tr><th scope=col colspan=2>a</th></tr></table>",
                "<table><tbody><tr><th scope=\"col\" colspan=\"2\">a</th></tr></tbody></table>",
            ),
        ] {
            assert_eq!(shown(html), expected, "{html}");
        }
    }

    #[test]
    fn text_that_somebody_wrote_is_text() {
        assert_eq!(
            of_text("Bonjour,\r\n\r\nvoici <b> & \"c\"\r\nfin\n\n\n"),
            "<p>Bonjour,</p><p>voici &lt;b&gt; &amp; &quot;c&quot;<br>fin</p>"
        );
        assert_eq!(of_text(" \n\n "), "");
        assert_eq!(shown(&of_text("<script>x</script>")), "<p>&lt;script&gt;x&lt;/script&gt;</p>");
    }
}
