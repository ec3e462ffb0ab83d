//! Every code of a refusal: the only place that knows its status, when it happens and what to do. The answers and the OpenAPI
//! document are made of this table.
//!
//! Clients may depend on a code: it is never renamed, and its status never changes. Source: the statuses that the Message Registry 2.1,
//! the federation 1.3 and the events 1.1.1 define; beside them what HTTP itself may answer anywhere.
use actix_web::http::StatusCode;

/// What is known of a code.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// As it is written.
    pub name: &'static str,
    /// The status of the answer.
    pub status: StatusCode,
    /// After how many seconds the same request may succeed, where that is known.
    pub again_s: Option<u64>,
    /// When it happens, and what to do.
    pub when: &'static str,
}

macro_rules! codes {
    ($($code:ident, $status:ident, $name:literal, $again:expr, $when:literal;)+) => {
        /// A code of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $when] $code,)+
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// What is known of it.
            pub const fn about(self) -> About {
                let (name, status, again_s, when): (_, _, Option<u64>, _) = match self {
                    $(Self::$code => ($name, StatusCode::$status, $again, $when),)+
                };
                About { name, status, again_s, when }
            }
        }
    };
}

codes! {
    InvalidInput, BAD_REQUEST, "INVALID_INPUT", None, "Something in the body or a header is missing, unknown, given twice or wrong: mend the places that `message` names.";
    InvalidQuery, BAD_REQUEST, "INVALID_QUERY", None, "A parameter of the query is unknown, missing or wrong: mend it.";
    InvalidJson, BAD_REQUEST, "INVALID_JSON", None, "What should be JSON can't be read as one value in UTF-8: mend it where `message` says.";
    InvalidMediaType, BAD_REQUEST, "INVALID_MEDIA_TYPE", None, "`Content-Type` of the request, or of a part, is missing or names what is not taken here: send another.";
    InvalidMultipart, BAD_REQUEST, "INVALID_MULTIPART", None, "The body can't be taken apart into parts, or a part has no name: send `multipart/form-data` with its boundary.";
    MissingPart, BAD_REQUEST, "MISSING_PART", None, "`messageToPublish`, or a part that an attachment names, did not come: send it.";
    SurplusPart, BAD_REQUEST, "SURPLUS_PART", None, "A part came that no attachment names, or more than there may be: leave it out, or name it.";
    DuplicatePart, BAD_REQUEST, "DUPLICATE_PART", None, "Two parts have the same name, or two attachments name the same part: give each its own.";
    DigestMismatch, BAD_REQUEST, "DIGEST_MISMATCH", None, "The digest that was given is not that of the bytes that came: send them again, or mend the digest.";
    ContentMismatch, BAD_REQUEST, "CONTENT_MISMATCH", None, "The bytes of a part are not of the media type that it says: say what it is.";
    InvalidDocument, BAD_REQUEST, "INVALID_DOCUMENT", None, "The parts are good and make no document, such as with two main contents: `message` says what is wrong.";
    InvalidSender, BAD_REQUEST, "INVALID_SENDER", None, "The message type or the application is not known, or not yours to publish with: see the reference data.";
    InvalidRecipient, BAD_REQUEST, "INVALID_RECIPIENT", None, "A recipient is no mailbox, or documents of this type are not for it: check it.";
    InvalidReply, BAD_REQUEST, "INVALID_REPLY", None, "The document that is replied to is not there for you, or takes no reply.";
    BrokenBody, BAD_REQUEST, "BROKEN_BODY", None, "The connection ended before the body did: send it again, whole.";
    Unauthorized, UNAUTHORIZED, "UNAUTHORIZED", None, "No token or key was sent, or one that is expired, for somebody else, or otherwise not good: get another.";
    NotAllowed, UNAUTHORIZED, "NOT_ALLOWED", None, "The token or key is good and does not let you do this: a scope, a mailbox or an institution is missing.";
    NoConsent, UNAUTHORIZED, "NO_CONSENT", None, "The holder of the mailbox has given you no consent, or withdrew it.";
    Forbidden, FORBIDDEN, "FORBIDDEN", None, "Where no other status is defined for it: no token or key that lets you do this.";
    NotFound, NOT_FOUND, "NOT_FOUND", None, "Nothing of yours has this id. What is another's is answered in the same way.";
    NotActive, NOT_FOUND, "NOT_ACTIVE", None, "The mailbox is not active: its holder has to activate it first.";
    Quarantined, NOT_FOUND, "QUARANTINED", None, "A scanner found something in the attachment: nobody may read it.";
    MailboxOff, NOT_FOUND, "MAILBOX_OFF", None, "No mailboxes are kept here: ask the operator.";
    TooSlow, REQUEST_TIMEOUT, "TOO_SLOW", None, "The body did not arrive in time: send it faster, or less at once.";
    Duplicate, CONFLICT, "DUPLICATE", None, "This Idempotency-Key published a document of the same sender and application before; `message` names it.";
    TooLarge, PAYLOAD_TOO_LARGE, "TOO_LARGE", None, "The body, or a part of it, has more bytes than are read: send less.";
    RangeNotSatisfiable, RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", None, "The content has none of the bytes that were asked for: `Content-Range` tells how many it has.";
    RateLimited, TOO_MANY_REQUESTS, "RATE_LIMITED", Some(1), "Your institution or your client makes more requests than it may: wait as long as `Retry-After` says.";
    Unreadable, INTERNAL_SERVER_ERROR, "UNREADABLE", None, "What is kept can't be read just now: try again, then tell the operator the `id`.";
    ProviderWrong, BAD_GATEWAY, "PROVIDER_WRONG", None, "The institution that keeps the document answered with something else: try again later.";
    ProviderAway, SERVICE_UNAVAILABLE, "PROVIDER_AWAY", Some(60), "The institution that keeps the document does not answer: try again later.";
    BeingScanned, SERVICE_UNAVAILABLE, "BEING_SCANNED", Some(60), "The scanner has not looked at the attachment yet: try again in a minute.";
    Overloaded, SERVICE_UNAVAILABLE, "OVERLOADED", Some(1), "As much is under way as may be; nothing of the request was done: send it again.";
    ReadOnly, SERVICE_UNAVAILABLE, "READ_ONLY", Some(60), "Nothing can be written until the operator mended the disk: send it again later.";
    NoRoom, INSUFFICIENT_STORAGE, "NO_ROOM", Some(60), "There is no room for more documents; nothing of the request was done: send it again later.";
}

/// What operations of one sort have in common.
pub mod sets {
    use super::Code;

    /// Those that ask who calls.
    pub const KNOWN: &[Code] = &[
        Code::Unauthorized,
        Code::NotAllowed,
        Code::RateLimited,
        Code::MailboxOff,
        Code::InvalidInput,
        Code::Overloaded,
    ];
    /// Those that read what is kept.
    pub const READING: &[Code] = &[Code::Unreadable];
    /// Those of a mailbox's holder.
    pub const HELD: &[Code] = &[Code::NoConsent, Code::NotActive, Code::Unreadable];
    /// Those that are asked about one thing.
    pub const ONE: &[Code] = &[Code::NotFound];
    /// What is given to anybody.
    pub const OPEN: &[Code] = &[Code::MailboxOff, Code::NotFound];
    /// Those with parameters in the query.
    pub const ASKED: &[Code] = &[Code::InvalidQuery];
    /// Those that read a body.
    pub const BODY: &[Code] = &[Code::InvalidMediaType, Code::BrokenBody, Code::TooSlow, Code::TooLarge];
    /// Those that read JSON out of it.
    pub const JSON: &[Code] = &[Code::InvalidJson];
    /// Those that change something.
    pub const WRITING: &[Code] = &[Code::ReadOnly, Code::NoRoom, Code::Unreadable];
    /// Those that publish.
    pub const PUBLISHING: &[Code] = &[
        Code::InvalidMultipart,
        Code::MissingPart,
        Code::SurplusPart,
        Code::DuplicatePart,
        Code::DigestMismatch,
        Code::ContentMismatch,
        Code::InvalidDocument,
        Code::InvalidSender,
        Code::InvalidRecipient,
        Code::InvalidReply,
        Code::Duplicate,
    ];
    /// Those that define no 401.
    pub const FORBIDDEN: &[Code] =
        &[Code::Forbidden, Code::InvalidInput, Code::MailboxOff, Code::RateLimited, Code::Overloaded, Code::Unreadable];
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_has_a_name_of_its_own_and_says_when_it_happens() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.about().name).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let about = code.about();
            assert!(
                about.when.ends_with('.') && about.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            );
            assert!(about.status.is_client_error() || about.status.is_server_error(), "{}", about.name);
        }
    }
}
