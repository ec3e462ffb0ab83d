//! docs/errors.md, written out of the table of kinds: a test holds the file to it.
use std::fmt::Write;
use std::path::Path;

use super::kinds::{Again, Kind};

const HEAD: &str = "\
# Errors of the HTTP interface

Everything refused is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, and where they apply `errors` (each wrong place)
and `rows` (the bad rows of an upload). `type` is `urn:estafette:problem:` and the slug below; a program may depend on it, slugs are never renamed, and
more may be added. `detail` says what happened and what to do, and repeats nothing of what was sent.

**Again** says whether the same request may be sent again as it is: *no*, it must be mended first; *perhaps*, it may succeed; *after n s*, it may succeed after that
time at least, and `Retry-After` says so. What creates a message is sent again under the same `Idempotency-Key`, so that there are never two.

This page is made of the same table as the answers and `/openapi.json`: `ESTAFETTE_RENEW=1 cargo test -p estafette --lib errors_md` writes it.

| status | slug | title | when | what to do | again |
|---|---|---|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        let about = kind.about();
        let again = match about.again {
            Again::Mended => "no".to_owned(),
            Again::Perhaps => "perhaps".to_owned(),
            Again::After(seconds) => format!("after {seconds} s"),
        };
        let cells = [about.title, about.when, about.advice].map(|text| text.replace('|', "\\|")).join(" | ");
        // Writing to a string can't fail.
        let _ = writeln!(page, "| {} | `{}` | {cells} | {again} |", about.status.as_u16(), about.slug);
    }
    page
}

#[test]
fn docs_errors_md_is_what_the_program_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("ESTAFETTE_RENEW").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == page(),
        "docs/errors.md is not what the program says; renew it: ESTAFETTE_RENEW=1 cargo test -p estafette --lib errors_md"
    );
}
