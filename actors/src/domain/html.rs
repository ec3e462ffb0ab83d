//! The HTML of a message: what GovApp renders of it, and what is left of it where only text can go.
//!
//! Invariant: what [`clean`] gives has the elements and attributes listed here and nothing else, whatever came in.
//! It must not judge a content: what is not allowed is stripped silently, and the face may compare.
//!
//! Source: the elements that the GovApp push platform publishes for a private body.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

/// Ordinary text markup, and GovApp's own elements. A custom element doesn't close itself: its closing tag is added
/// where the enclosing element ends.
const ELEMENTS: [&str; 19] = [
    "a",
    "b",
    "br",
    "custom-action-button",
    "custom-barcode",
    "custom-qr",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "i",
    "li",
    "ol",
    "p",
    "span",
    "strong",
    "u",
    "ul",
];

/// The `type`s of `<custom-barcode>`.
pub const BARCODE_TYPES: [&str; 7] = ["qr", "code128", "code39", "code93", "gs1-128", "itf", "itf14"];

/// Where a link may lead. A relative one leads nowhere in an app.
const SCHEMES: [&str; 4] = ["https", "http", "mailto", "tel"];

/// Elements that begin a line of their own in plain text.
const BLOCKS: [&str; 8] = ["p", "div", "h1", "h2", "h3", "ul", "ol", "li"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(ELEMENTS))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("custom-barcode", HashSet::from(["type"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Deny)
        .link_rel(None)
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("custom-barcode", "type") => {
                BARCODE_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(value.trim())).map(Cow::Borrowed)
            }
            _ => Some(Cow::Borrowed(value)),
        });
    builder
});

/// What a letter is made of besides: tables, quotations, smaller headings. GovApp's own elements mean nothing in a mailbox.
const OF_LETTERS: [&str; 18] = [
    "blockquote",
    "caption",
    "code",
    "h4",
    "h5",
    "h6",
    "hr",
    "pre",
    "small",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
];

static LETTERS: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let shared = ELEMENTS.into_iter().filter(|element| !element.starts_with("custom-"));
    let cell = || HashSet::from(["colspan", "rowspan", "scope"]);
    builder
        .tags(shared.chain(OF_LETTERS).collect())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("td", cell()), ("th", cell())]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// The HTML of a document in a mailbox: text, lists, tables and links, and nothing that loads, runs or looks like a part of the page
/// around it.
pub fn clean_letter(html: &str) -> String {
    LETTERS.clean(html).to_string()
}

/// The HTML with GovApp's elements only. The text of an element that is stripped stays, except of scripts and styles.
pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// A text as it goes into HTML.
pub fn escape(text: &str) -> String {
    ammonia::clean_text(text)
}

/// The text of HTML that went through [`clean`], for an SMS or a text document: paragraphs, headings, list items and
/// `<br>` begin a line, an item has a dash, a link keeps its address in parentheses, entities are decoded.
/// Never fails: HTML that did not go through [`clean`] gives some text.
pub fn to_text(cleaned: &str) -> String {
    let mut text = Text::default();
    // The addresses of the links that are open, each with the length of the text where it began.
    let mut links: Vec<(String, usize)> = Vec::new();
    let mut rest = cleaned;
    while let Some(start) = rest.find('<') {
        text.push(&decode(&rest[..start]));
        let (tag, after) = tag(&rest[start + 1..]);
        rest = after;
        let name = tag.split([' ', '/', '\n', '\t']).next().unwrap_or_default();
        match (tag.strip_prefix('/'), name) {
            (None, "br") => text.lines += 1,
            (None, "li") => {
                text.begin_line();
                text.push("- ");
            }
            (None, "a") => links.push((href(tag).unwrap_or_default(), text.written.len())),
            (Some("a"), _) => {
                if let Some((address, start)) = links.pop() {
                    text.push_address(&address, start);
                }
            }
            (None, name) if BLOCKS.contains(&name) => text.begin_line(),
            (Some(name), _) if BLOCKS.contains(&name.trim_end()) => text.begin_line(),
            _ => {}
        }
    }
    text.push(&decode(rest));
    text.written.trim_end().to_owned()
}

/// Text in the making: white space is collapsed as a browser does, line breaks are written when something follows.
#[derive(Default)]
struct Text {
    written: String,
    /// Line breaks before the next word.
    lines: usize,
    /// A space before the next word.
    space: bool,
}

impl Text {
    fn begin_line(&mut self) {
        self.lines = self.lines.max(1);
    }

    fn push(&mut self, piece: &str) {
        for word in piece.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if !bare.is_empty() {
                self.separate();
                self.written.push_str(bare);
            }
            self.space |= bare.len() < word.len();
        }
    }

    fn separate(&mut self) {
        if self.written.is_empty() {
            // Nothing to be separated from.
        } else if self.lines > 0 {
            // One empty line at most: each costs a character of an SMS.
            self.written.push_str(if self.lines == 1 { "\n" } else { "\n\n" });
        } else if self.space {
            self.written.push(' ');
        }
        self.lines = 0;
        self.space = false;
    }

    /// The address behind a link whose text began at `start`, unless the text says it already.
    fn push_address(&mut self, address: &str, start: usize) {
        let bare = address.strip_prefix("mailto:").or_else(|| address.strip_prefix("tel:")).unwrap_or(address);
        let label = self.written[start..].trim();
        if bare.is_empty() || label == bare || label == address {
            return;
        }
        if label.is_empty() {
            self.push(bare);
            return;
        }
        // Before the white space or the line break that may have come inside the link.
        self.written.push_str(" (");
        self.written.push_str(bare);
        self.written.push(')');
    }
}

/// A tag, without its `<` and `>`, and what follows it. A `>` inside quotes ends nothing.
fn tag(html: &str) -> (&str, &str) {
    let mut quote = None;
    for (offset, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return (&html[..offset], &html[offset + 1..]),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    (html, "")
}

fn href(tag: &str) -> Option<String> {
    let (_, value) = tag.split_once("href=\"")?;
    Some(decode(value.split('"').next()?).into_owned())
}

/// Decodes what the serialisation of HTML escapes, and nothing else: [`clean`] has resolved all other entities. A
/// non-breaking space becomes a space, which the SMS alphabet has.
fn decode(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&nbsp;", ' ')];
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let (entity, character) =
            ENTITIES.into_iter().find(|(entity, _)| rest.starts_with(entity)).unwrap_or(("&", '&'));
        decoded.push(character);
        rest = &rest[entity.len()..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_govapp_renders_stays_as_it_is() {
        for html in [
            "<p>Bonjour <b>Madame</b>,<br>à <em>demain</em></p>",
            "<h1>A</h1><h2>B</h2><h3>C</h3><ul><li>1</li></ul><ol><li><i>2</i></li></ol><u>u</u> <strong>s</strong>",
            r#"<a href="https://example.be/a?b=1&amp;c=2">ici</a>"#,
            r#"<a href="tel:+3225551212">02 555 12 12</a> <a href="mailto:info@example.be">mail</a>"#,
            "<custom-qr>ABC 123</custom-qr>",
            "<custom-action-button>Payer</custom-action-button>",
        ] {
            assert_eq!(clean(html), html);
        }
        for kind in BARCODE_TYPES {
            let html = format!(r#"<custom-barcode type="{kind}">5412345678908</custom-barcode>"#);
            assert_eq!(clean(&html), html);
        }
    }

    #[test]
    fn everything_else_is_stripped() {
        for (html, expected) in [
            ("<script>alert(1)</script>a", "a"),
            ("<SCRIPT SRC=//evil.example></SCRIPT>a", "a"),
            ("<scr<script>ipt>alert(1)</script>a", "ipt&gt;alert(1)a"),
            ("<style>b { color: red }</style>a", "a"),
            ("<b style=\"color:red\" class=x id=y data-z=1>a</b>", "<b>a</b>"),
            ("<b onclick=alert(1)>a</b>", "<b>a</b>"),
            ("<b onmouseover='alert(1)'/x=y>a</b>", "<b>a</b>"),
            ("<img src=x onerror=alert(1)>a", "a"),
            ("<a href=\"javascript:alert(1)\">a</a>", "<a>a</a>"),
            ("<a href=\" jAvA\nscript:alert(1)\">a</a>", "<a>a</a>"),
            ("<a href=\"&#106;avascript:alert(1)\">a</a>", "<a>a</a>"),
            ("<a href=\"data:text/html,x\">a</a>", "<a>a</a>"),
            ("<a href=\"/relative\">a</a>", "<a>a</a>"),
            ("<a href=\"//evil.example\">a</a>", "<a>a</a>"),
            (
                "<a href=\"https://example.be\" target=_blank rel=x ping=//y>a</a>",
                "<a href=\"https://example.be\">a</a>",
            ),
            ("<svg><a xlink:href=\"javascript:alert(1)\">a</a></svg>b", "b"),
            ("<svg onload=alert(1)>a", "a"),
            ("<math><mtext><script>alert(1)</script></mtext></math>a", "a"),
            ("<svg><style><b title=\"</style><img src onerror=alert(1)>\">a", "<b>a</b>"),
            ("<iframe src=https://evil.example>x</iframe>a", "xa"),
            ("<form action=x><input value=y><button>a</button></form>", "a"),
            ("<!-- c --><!doctype html><?php x ?>a", "a"),
            ("<section><table><tr><td>a</td></tr></table></section>", "a"),
            ("<custom-other>a</custom-other>", "a"),
            ("<custom-qr onclick=x type=qr>a</custom-qr>", "<custom-qr>a</custom-qr>"),
            (
                "<custom-action-button href=\"javascript:x\" onclick=y>a",
                "<custom-action-button>a</custom-action-button>",
            ),
            ("<custom-barcode type=aztec>1</custom-barcode>", "<custom-barcode>1</custom-barcode>"),
            ("<custom-barcode type=CODE128>1</custom-barcode>", "<custom-barcode type=\"code128\">1</custom-barcode>"),
            ("<custom-qr/>a", "<custom-qr>a</custom-qr>"),
            ("<b><custom-qr>a</b>c", "<b><custom-qr>a</custom-qr></b>c"),
            ("<p>a<p>b", "<p>a</p><p>b</p>"),
            ("</b>a</custom-qr>", "a"),
            ("5 < 6 && 7 > 6", "5 &lt; 6 &amp;&amp; 7 &gt; 6"),
            ("&lt;script&gt;a", "&lt;script&gt;a"),
            ("<plaintext>a</b>", "a&lt;/b&gt;"),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }

    #[test]
    fn thousands_of_nested_elements_end() {
        let html = format!("{}a{}", "<custom-qr>".repeat(3_000), "</div>".repeat(3_000));
        assert!(to_text(&clean(&html)) == "a");
    }

    #[test]
    fn a_letter_keeps_its_tables_and_loses_what_loads_runs_or_is_govapps() {
        for (html, expected) in [
            (
                "<table><tbody><tr><td colspan=\"2\" style=\"x\">1</td></tr></tbody></table>",
                "<table><tbody><tr><td colspan=\"2\">1</td></tr></tbody></table>",
            ),
            (
                "<p>a</p><script>b()</script><style>p{}</style><img src=x onerror=alert(1)><custom-qr>c</custom-qr>",
                "<p>a</p>c",
            ),
            (
                "<form action=/x><input name=a></form><iframe src=https://a.be></iframe><p id=a class=b>d</p>",
                "<p>d</p>",
            ),
            ("<a href=\"javascript:alert(1)\">e</a>", "<a rel=\"noopener noreferrer nofollow\">e</a>"),
            ("<a href=\"https://a.be/\">f</a>", "<a href=\"https://a.be/\" rel=\"noopener noreferrer nofollow\">f</a>"),
        ] {
            assert_eq!(clean_letter(html), expected);
        }
    }

    #[test]
    fn plain_text_keeps_lines_links_and_characters() {
        for (html, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("<p>Bonjour</p><p>Au revoir</p>", "Bonjour\nAu revoir"),
            ("<h1>Titre</h1>texte <b>gras</b>,<br>ligne", "Titre\ntexte gras,\nligne"),
            ("a<br><br><br>b<br>", "a\n\nb"),
            ("<p> a  \n b </p>\n\n<p>c</p>", "a b\nc"),
            ("<ul><li>un</li><li>deux</li></ul>fin", "- un\n- deux\nfin"),
            ("voir <a href=\"https://example.be/?a=1&amp;b=2\">ici</a>.", "voir ici (https://example.be/?a=1&b=2)."),
            ("<a href=\"https://example.be/\">https://example.be/</a>", "https://example.be/"),
            ("<a href=\"tel:+3225551212\">+3225551212</a>", "+3225551212"),
            ("<a href=\"mailto:info@example.be\">nous</a> a", "nous (info@example.be) a"),
            ("<a href=\"https://example.be/\"></a>", "https://example.be/"),
            ("<a href=\"https://example.be/\">ici </a>a", "ici (https://example.be/) a"),
            ("<a>rien</a>", "rien"),
            ("5 &lt; 6 &amp;&amp; 7 &gt; 6 &amp;lt; 10&nbsp;€", "5 < 6 && 7 > 6 &lt; 10 €"),
            ("code <custom-qr>ABC</custom-qr>", "code ABC"),
            ("<a href=\"https://example.be/>\">x</a>", "x (https://example.be/>)"),
        ] {
            assert_eq!(to_text(&clean(html)), to_text(html), "{html}");
            assert_eq!(to_text(html), expected, "{html}");
        }
    }

    /// Pieces that make trouble, put together at random.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "<",
            ">",
            "</",
            "/>",
            "\"",
            "'",
            "=",
            "&",
            "&#x6a;",
            "a",
            " ",
            "\n",
            "\0",
            "é",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<b>",
            "</b>",
            "<p>",
            "<a href=\"",
            "<a href='javascript:x'>",
            "</a>",
            "<script>",
            "</script>",
            "<style>",
            "</style>",
            "<svg>",
            "</svg>",
            "<math>",
            "<mtext>",
            "<table>",
            "<td>",
            "<custom-qr>",
            "<custom-barcode type=",
            "</custom-barcode>",
            "<title>",
            "</title>",
            "<textarea>",
            "<noscript>",
            "<iframe>",
            "<template>",
            " onclick=x",
            "javascript:",
            "https://x.be",
            "<li>",
            "<br>",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    /// Whether a tag is one that `clean` may give.
    fn is_allowed(tag: &str) -> bool {
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let allowed_attribute = match name {
            _ if attributes.is_empty() => true,
            "a" => SCHEMES.iter().any(|scheme| attributes.starts_with(&format!("href=\"{scheme}:"))),
            "custom-barcode" => BARCODE_TYPES.iter().any(|kind| attributes == format!("type=\"{kind}\"")),
            _ => false,
        };
        ELEMENTS.contains(&name.trim_start_matches('/'))
            && allowed_attribute
            && attributes.matches('"').count() == if attributes.is_empty() { 0 } else { 2 }
    }

    proptest! {
        #[test]
        fn nothing_but_the_listed_elements_and_attributes_comes_out(html in prop_oneof![hostile(), "\\PC{0,80}"]) {
            let cleaned = clean(&html);
            let mut rest = cleaned.as_str();
            while let Some(start) = rest.find('<') {
                let (found, after) = tag(&rest[start + 1..]);
                prop_assert!(is_allowed(found), "{} in {}", found, cleaned);
                rest = after;
            }
            // Serialised text has no bare angle bracket, so the text has no tag of the output.
            let _ = to_text(&cleaned);
        }

        #[test]
        fn text_of_anything_ends_without_a_panic(html in prop_oneof![hostile(), "\\PC{0,80}"]) {
            let text = to_text(&html);
            prop_assert_eq!(text.trim(), text.as_str());
        }

        #[test]
        fn plain_text_goes_through_cleaning_and_comes_back(words in prop::collection::vec("[a-zé<>&\"']{1,8}", 0..10)) {
            let text = words.join(" ");
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(to_text(&clean(&escaped)), text);
        }
    }
}
