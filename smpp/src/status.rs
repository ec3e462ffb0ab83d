//! `command_status`: what a response says of its request. Section 5.1.3; an unknown value stays what it is.

/// A `command_status`. Any number is one: providers have their own beside those of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// No error.
    pub const OK: Self = Self(0x00);
    /// The length of the message is invalid.
    pub const INVALID_MESSAGE_LENGTH: Self = Self(0x01);
    /// The length of the PDU is invalid.
    pub const INVALID_COMMAND_LENGTH: Self = Self(0x02);
    /// The command is not known.
    pub const INVALID_COMMAND_ID: Self = Self(0x03);
    /// Not allowed in this state of the bind.
    pub const INVALID_BIND_STATUS: Self = Self(0x04);
    /// This system is bound already.
    pub const ALREADY_BOUND: Self = Self(0x05);
    /// The SMSC has an error of its own.
    pub const SYSTEM_ERROR: Self = Self(0x08);
    /// The source address is invalid.
    pub const INVALID_SOURCE: Self = Self(0x0A);
    /// The destination address is invalid.
    pub const INVALID_DESTINATION: Self = Self(0x0B);
    /// The message id is not known.
    pub const INVALID_MESSAGE_ID: Self = Self(0x0C);
    /// The bind failed.
    pub const BIND_FAILED: Self = Self(0x0D);
    /// The password is wrong.
    pub const INVALID_PASSWORD: Self = Self(0x0E);
    /// The system_id is not known.
    pub const INVALID_SYSTEM_ID: Self = Self(0x0F);
    /// The queue of the SMSC is full: back off, send again.
    pub const QUEUE_FULL: Self = Self(0x14);
    /// The esm_class is invalid.
    pub const INVALID_ESM_CLASS: Self = Self(0x43);
    /// The submission failed.
    pub const SUBMIT_FAILED: Self = Self(0x45);
    /// The type of number of the destination is invalid.
    pub const INVALID_DESTINATION_TON: Self = Self(0x50);
    /// The numbering plan of the destination is invalid.
    pub const INVALID_DESTINATION_NPI: Self = Self(0x51);
    /// Too many messages a second: back off, send again.
    pub const THROTTLED: Self = Self(0x58);
    /// The receiver has a passing error: send it again later.
    pub const RECEIVER_TEMPORARY: Self = Self(0x64);
    /// The receiver will never take it.
    pub const RECEIVER_PERMANENT: Self = Self(0x65);
    /// The query of a message's state failed.
    pub const QUERY_FAILED: Self = Self(0x67);
    /// The optional part of the PDU is wrong.
    pub const INVALID_OPTIONAL_PART: Self = Self(0xC0);
    /// Unknown error.
    pub const UNKNOWN_ERROR: Self = Self(0xFF);

    /// Whether it is no error.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Status {
    /// As operators look it up: `0x58`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}
