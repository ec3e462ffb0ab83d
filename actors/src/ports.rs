//! What the edges implement for the actors, and what faces may ask. The actors know these
//! interfaces and nothing behind them.
mod archive;
mod clock;
mod feed;
mod journal;
pub mod mailbox;
mod packed;
pub mod register;
mod suppressions;
mod transport;

pub use archive::{
    Archive, ArchiveError, AttemptView, BroadcastPhase, BroadcastView, Cursor, Depth, Filter, Flow, Held, Listing,
    Loaded, MessageView, News, Page, Queue, ReportRow, Taken, TakenPage, Ticket,
};
pub use clock::{Clock, SystemClock};
pub use feed::{Announce, Call, Called, Feed, FeedError, FeedPage, Notice, Webhooks};
pub use journal::{After, Batch, Entry, Journal, JournalError, JournalFigures, Position};
pub use packed::PackedRows;
pub use suppressions::{Bar, Suppressed, Suppression, SuppressionError, Suppressions, Unsuppressed};
pub use transport::{
    Binds, CallbackError, CallbackRequest, Ear, Home, Inquiry, Letter, Polling, ProviderState, ProviderView, Received,
    ReceiverKey, Transport,
};
