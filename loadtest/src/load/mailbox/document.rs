//! Publications as bytes: a description and one file, as `multipart/form-data`.

use std::net::SocketAddr;

use serde_json::json;

use super::TYPE;

const BOUNDARY: &str = "estafette-load-7d91b2";
pub const PATH: &str = "/messageRegistry/v2/publishMessage";

/// A file of so many bytes that is a PDF as far as its bytes tell, and another for each number.
pub fn pdf(number: u64, bytes: usize) -> Vec<u8> {
    const END: &[u8] = b"\n%%EOF\n";
    let mut made = format!("%PDF-1.4\n%{number}\n").into_bytes();
    let filled = bytes.saturating_sub(END.len()).max(made.len());
    // What a compressed stream looks like to a disk that might compress.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while made.len() < filled {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        made.extend(state.to_le_bytes());
    }
    made.truncate(filled);
    made.extend(END);
    made
}

/// What is before the file of a publication to a citizen: the head of the request, the description and the head of the part; and
/// what is behind it.
pub fn around(address: SocketAddr, key: &str, niss: &str, html: Option<&str>, bytes: usize) -> (Vec<u8>, Vec<u8>) {
    let mut description = json!({
        "recipient": {"eboxType": "citizen", "eboxIdValue": niss},
        "subject": {"fr": "Votre releve annuel", "nl": "Uw jaarlijks overzicht"},
        "messageTypeId": TYPE,
        "attachments": [{"httpPartName": "file", "mainContent": true, "attachmentTitle": {"fr": "Releve", "nl": "Overzicht"}}],
        "bodyMainContent": false,
        "replyAuthorized": false,
    });
    if let Some(html) = html {
        description["bodyContent"] = json!({"fr": html, "nl": html});
    }
    let before = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"messageToPublish\"\r\nContent-Type: application/json\r\n\r\n{description}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"releve.pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
    );
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    let length = before.len() + bytes + after.len();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n"
    );
    ((head + &before).into_bytes(), after.into_bytes())
}

/// A whole publication.
pub fn publication(address: SocketAddr, key: &str, niss: &str, html: Option<&str>, file: &[u8]) -> Vec<u8> {
    let (mut whole, after) = around(address, key, niss, html, file.len());
    whole.extend(file);
    whole.extend(after);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_bytes_that_were_asked_for_and_each_is_another() {
        for bytes in [1_000, 50_000] {
            let (one, other) = (pdf(1, bytes), pdf(2, bytes));
            assert!(one.len() == bytes && other.len() == bytes && one != other);
            assert!(one.starts_with(b"%PDF-1.4") && one.ends_with(b"%%EOF\n"));
        }
    }

    #[test]
    fn the_head_says_how_long_the_body_is() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let whole = publication(address, "key", "85073003328", Some("<p>a</p>"), &pdf(1, 1_000));
        let end = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&whole[..end]).into_owned();
        assert!(head.contains(&format!("Content-Length: {}\r\n", whole.len() - end)), "{head}");
    }
}
