//! Every kind of problem: the only place that knows its slug, status, title, when it happens and what to do. The
//! answers, the OpenAPI document and docs/errors.md are all made of this table.
//!
//! Clients may depend on a slug: it is never renamed, and its status never changes.
use actix_web::http::StatusCode;

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It is refused again as long as it isn't mended.
    Mended,
    /// It may succeed as it is; nobody can tell when.
    Perhaps,
    /// It may succeed after so many seconds at least: `Retry-After` says so.
    After(u64),
}

/// What is known of a kind.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// What `type` ends with.
    pub slug: &'static str,
    /// The status of the answer.
    pub status: StatusCode,
    /// `title`: the same for every problem of the kind.
    pub title: &'static str,
    /// When it happens.
    pub when: &'static str,
    /// What the caller should do.
    pub advice: &'static str,
    /// Whether to send it again.
    pub again: Again,
}

macro_rules! kinds {
    ($($kind:ident, $status:ident, $slug:literal, $title:literal, $again:expr, $when:literal, $advice:literal;)+) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $when] $kind,)+
        }

        impl Kind {
            /// Every kind, by status.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// What is known of it.
            pub const fn about(self) -> About {
                let (slug, status, title, again, when, advice) = match self {
                    $(Self::$kind => ($slug, StatusCode::$status, $title, $again, $when, $advice),)+
                };
                About { slug, status, title, when, advice, again }
            }
        }
    };
}

kinds! {
    MalformedJson, BAD_REQUEST, "malformed-json", "The body is not JSON", Again::Mended,
        "The body can't be read as one JSON value in UTF-8.", "Mend the JSON where `detail` says.";
    BrokenBody, BAD_REQUEST, "broken-body", "The body broke off", Again::Perhaps,
        "The connection ended before the body did.", "Send it again, whole.";
    InvalidQuery, BAD_REQUEST, "invalid-query", "The query has mistakes", Again::Mended,
        "A parameter of the query is unknown, is given where it means nothing, or has a wrong value.",
        "Mend each parameter that `errors` names.";
    InvalidCursor, BAD_REQUEST, "invalid-cursor", "Not a cursor of yours", Again::Mended,
        "The place in the feed was made up, or given to another institution.",
        "Use `next` of a page, the id of an event, `oldest` or `newest`.";
    InvalidIdempotencyKey, BAD_REQUEST, "invalid-idempotency-key", "Not an Idempotency-Key", Again::Mended,
        "The Idempotency-Key is empty, too long, given twice, or has other than visible ASCII characters.",
        "Send one key of 1 to 255 visible ASCII characters.";
    LegalContext, BAD_REQUEST, "legal-context", "A legal context is needed", Again::Mended,
        "`Legal-Context` is missing where something about persons is asked of the register, or is no 1 to 64 visible ASCII characters.",
        "Name the legal context in which it is done, or ask the operator for a default.";
    InvalidCorrelationId, BAD_REQUEST, "invalid-correlation-id", "Not a reference of a request", Again::Mended,
        "`X-Correlation-Id` has other than 1 to 64 visible ASCII characters.", "Send a shorter one, or none.";
    CallbackForm, BAD_REQUEST, "callback-form", "Not a callback of this provider", Again::Mended,
        "A callback carries the secret and is not in the provider's form.", "Compare it with the provider's description.";
    Unauthorized, UNAUTHORIZED, "unauthorized", "A key is needed", Again::Mended,
        "No key was sent, or one that is unknown or revoked.", "Send `Authorization: Bearer est_...` with a valid key.";
    CallbackSecret, UNAUTHORIZED, "callback-secret", "The secret is missing or wrong", Again::Mended,
        "A callback does not carry the secret that was agreed with the provider.",
        "Configure the same secret at both ends.";
    TestKey, FORBIDDEN, "test-key", "Test keys reach the sandbox only", Again::Mended,
        "A test key was used where only live keys mean something, or no sandbox runs.", "Use a live key.";
    UnknownInstitution, FORBIDDEN, "unknown-institution", "The institution is not set up", Again::Mended,
        "The key is valid and its institution is not in the configuration.", "Ask the operator.";
    OperatorOnly, FORBIDDEN, "operator-only", "For operators only", Again::Mended,
        "What was asked for is the operator's.", "Ask the operator.";
    NoRight, FORBIDDEN, "no-right", "Not yours to consult", Again::Mended,
        "The rows of another's register were asked for, and that one gave you no right to consult those of this type, or is not known.",
        "Ask the owner of the register for the right.";
    UnknownPath, NOT_FOUND, "unknown-path", "Nothing is here", Again::Mended,
        "No operation has this path.", "See `/docs`.";
    NotFound, NOT_FOUND, "not-found", "Not found", Again::Mended,
        "Nothing of yours has this id. What is another's is answered in the same way.", "Check the id.";
    UnknownProvider, NOT_FOUND, "unknown-provider", "No such provider", Again::Mended,
        "No channel of this provider takes callbacks here.", "Use a `provider` of `GET /v1/limits`.";
    UnknownWebhook, NOT_FOUND, "unknown-webhook", "No such webhook", Again::Mended,
        "No webhook of yours has this name.", "Check the name: `GET /v1/webhooks` lists them.";
    RegisterOff, NOT_FOUND, "register-off", "No register is kept here", Again::Mended,
        "The register is switched off in the configuration.", "Ask the operator.";
    MailboxOff, NOT_FOUND, "mailbox-off", "No mailboxes are kept here", Again::Mended,
        "The mailboxes are switched off in the configuration.", "Switch them on, or ask the operator.";
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here", Again::Mended,
        "The path is known, with other methods.", "Use one that `Allow` names.";
    NotAcceptable, NOT_ACCEPTABLE, "not-acceptable", "No acceptable form of the answer", Again::Mended,
        "`Accept` leaves out every form in which this can be answered.", "Accept one that `detail` names.";
    TooSlow, REQUEST_TIMEOUT, "too-slow", "The body came too slowly", Again::Perhaps,
        "The body did not arrive in the time that a body may take.", "Send it faster, or less at once.";
    IdempotencyInProgress, CONFLICT, "idempotency-in-progress", "The same request is in progress", Again::After(1),
        "The first request with this Idempotency-Key is not answered yet.", "Ask again: the answer is the first one's.";
    Conflict, CONFLICT, "conflict", "Not possible in this state", Again::Mended,
        "The message, the broadcast or what else is meant is in a state that forbids it.", "Look at its state; `detail` says what is missing.";
    UploadInProgress, CONFLICT, "upload-in-progress", "Being filled or started", Again::After(1),
        "A start meets an upload that has not ended, or an upload or a start meets a start.", "Send it after the other request.";
    TooManyWebhooks, CONFLICT, "too-many-webhooks", "Too many webhooks", Again::Mended,
        "You have as many webhooks as `GET /v1/limits` allows.", "Remove one.";
    Alike, CONFLICT, "alike", "Somebody alike is known", Again::Mended,
        "A number was to be created for somebody who looks like those in `alike`; none was.",
        "Use the number of the one who is meant, or create it with `although_alike`.";
    OutOfOrder, CONFLICT, "out-of-order", "Another file comes first", Again::Mended,
        "Files of mutations are confirmed in their order, and one before this is not; or there is none of this number yet.",
        "Fetch and confirm the file of `next` first.";
    TooManyRows, CONFLICT, "too-many-rows", "Too many rows of one person", Again::Mended,
        "A register keeps a bounded number of rows of one person.", "Remove some first.";
    CursorTooOld, GONE, "cursor-too-old", "The events are not kept any more", Again::Mended,
        "What followed the place in the feed was kept for `events_kept_s` and is gone.",
        "Begin anew with `after=oldest`, and look your messages up.";
    TooLarge, PAYLOAD_TOO_LARGE, "too-large", "The body is too large", Again::Mended,
        "The body has more bytes than are read: `GET /v1/limits` tells how many.", "Send less at once.";
    UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The type of the body is not supported",
        Again::Mended, "`Content-Type` is missing, or names a type that is not read here.",
        "Send the body as `detail` says.";
    InvalidRequest, UNPROCESSABLE_ENTITY, "invalid-request", "The request has mistakes", Again::Mended,
        "The body is JSON, and something in it is missing, unknown, given twice or wrong.",
        "Mend each place that `errors` names.";
    InvalidHeader, UNPROCESSABLE_ENTITY, "invalid-header", "The header of the rows has mistakes", Again::Mended,
        "A column of an upload is unknown or missing.", "Mend each column that `errors` names.";
    BadRows, UNPROCESSABLE_ENTITY, "bad-rows", "Rows of the upload have mistakes", Again::Mended,
        "Rows of an upload with `on_error=refuse` are wrong; nothing of it was stored.",
        "Mend the rows that `rows` names, or use `on_error=keep`.";
    IdempotencyMismatch, UNPROCESSABLE_ENTITY, "idempotency-mismatch", "The Idempotency-Key belongs to another request",
        Again::Mended, "The key was used before for a request that means something else.",
        "Use a new key for a new message.";
    UnknownNiss, UNPROCESSABLE_ENTITY, "unknown-niss", "The NISS is not known", Again::Mended,
        "The authentic source doesn't know the number.", "Check it; look the person up by name, or create a number.";
    CancelledNiss, UNPROCESSABLE_ENTITY, "cancelled-niss", "The NISS was cancelled", Again::Mended,
        "The number stands for nobody.", "Look the person up by name.";
    Deceased, UNPROCESSABLE_ENTITY, "deceased", "The person died before that", Again::Mended,
        "The period begins after the person's death.", "Check the period.";
    PersonMismatch, UNPROCESSABLE_ENTITY, "person-mismatch", "The person is another", Again::Mended,
        "What is given of the person differs from the authentic source in what `errors` names.",
        "Check the number and those parts: correct them, or leave them out.";
    UnknownType, UNPROCESSABLE_ENTITY, "unknown-type", "No such dossier type", Again::Mended,
        "Your register has no dossier type of this code.", "Define it first: `PUT /v1/register/types/{code}`.";
    TypeNotValid, UNPROCESSABLE_ENTITY, "type-not-valid", "The dossier type is not valid then", Again::Mended,
        "The period has days on which the dossier type may not be used.", "See its validity: `GET /v1/register/types/{code}`.";
    NotBcss, UNPROCESSABLE_ENTITY, "not-bcss", "Not a BCSS number", Again::Mended,
        "Data behind a number of the National Register can't be corrected here.", "Tell the National Register.";
    SourceRefuses, UNPROCESSABLE_ENTITY, "source-refuses", "The authentic source refuses", Again::Mended,
        "The authentic source of persons takes it not as given.", "Do what `detail` says.";
    RateLimited, TOO_MANY_REQUESTS, "rate-limited", "Too many requests", Again::After(1),
        "Your institution makes more requests than it may: `RateLimit` and `GET /v1/limits` tell how many those are.",
        "Wait as long as `Retry-After` says; space requests evenly.";
    TooManyStreams, TOO_MANY_REQUESTS, "too-many-streams", "Too many streams", Again::After(5),
        "As many streams of events are open as may be.", "Close one, or ask for pages.";
    Unreadable, INTERNAL_SERVER_ERROR, "unreadable", "A read failed", Again::Perhaps,
        "What is on disk can't be read just now.", "Try again, then tell the operator.";
    Overloaded, SERVICE_UNAVAILABLE, "overloaded", "Too much is under way", Again::After(1),
        "As much is under way as may be; nothing of the request was accepted.",
        "Send it again, with the same Idempotency-Key.";
    Restarting, SERVICE_UNAVAILABLE, "restarting", "A part is being restarted", Again::After(1),
        "A part of the broker is being replaced, is about to end, or a channel that was asked doesn't answer.",
        "Send it again, with the same Idempotency-Key.";
    ReadOnly, SERVICE_UNAVAILABLE, "read-only", "Nothing can be written", Again::After(60),
        "The disk failed a write: nothing is accepted until the operator mended it.",
        "Send it again later, with the same Idempotency-Key.";
    SourceAway, SERVICE_UNAVAILABLE, "source-away", "The authentic source doesn't answer", Again::After(60),
        "The authentic source of persons is elsewhere and doesn't answer.", "Send it again: it changes nothing twice.";
    Spool, INSUFFICIENT_STORAGE, "spool", "No room for the upload", Again::Perhaps,
        "The upload can't be kept while it is checked.", "Try again, then tell the operator.";
    DiskFull, INSUFFICIENT_STORAGE, "disk-full", "The disk is nearly full", Again::After(60),
        "Less of the broker's disk is free than is kept for what was accepted before; nothing of the request was accepted, and of an upload perhaps a part.",
        "Send it again later, with the same Idempotency-Key; of an upload, rows with the same keys.";
    ListFull, INSUFFICIENT_STORAGE, "list-full", "No room on the lists", Again::Mended,
        "The suppression lists hold as many entries as they may.", "Take some off, or ask the operator for more room.";
}

impl Kind {
    /// The whole `type`.
    pub fn urn(self) -> String {
        format!("urn:estafette:problem:{}", self.about().slug)
    }
}
