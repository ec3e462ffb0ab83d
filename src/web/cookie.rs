//! Cookies (RFC 6265): three of them, each with letters, digits, `-` and `_` only, so that nothing has to be encoded.
use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::Site;

/// How long a browser keeps one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Until it is closed.
    Session,
    /// For so long.
    For(Duration),
    /// No longer.
    Gone,
}

/// The value of a cookie that the browser sent: the first of its name.
pub fn read<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let sent = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let mut pairs = sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, _)| *given == name).map(|(_, value)| value.trim_matches('"'))
}

/// Sets a cookie that only the server reads, and that comes back with links and forms of this site and with links to it.
pub fn set(response: &mut HttpResponse, site: &Site, name: &str, value: &str, kept: Kept) {
    let secure = if site.settings.is_secure() { "; Secure" } else { "" };
    let age = match kept {
        Kept::Session => String::new(),
        Kept::For(time) => format!("; Max-Age={}", time.as_secs()),
        Kept::Gone => "; Max-Age=0".to_owned(),
    };
    let written = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    // Only what is named in the head of this module is ever in it.
    if let Ok(written) = HeaderValue::try_from(written) {
        response.headers_mut().append(header::SET_COOKIE, written);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let request =
            TestRequest::get().insert_header((header::COOKIE, "a=1; mailbox=xyz; mailbox=2; b")).to_http_request();
        assert_eq!((read(&request, "mailbox"), read(&request, "a")), (Some("xyz"), Some("1")));
        assert_eq!((read(&request, "b"), read(&request, "box")), (None, None));
    }
}
