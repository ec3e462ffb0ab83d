//! Tables and properties of the life of a message.
