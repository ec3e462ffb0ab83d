//! Names of XML: the namespaces, and the operations with their actions.

/// SOAP 1.1's envelope.
pub const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The header entry's actor who is whoever gets the envelope next.
pub const NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
/// SOAP 1.2's envelope, which is recognised to say so.
pub const ENVELOPE_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// XML Schema's attributes in documents.
pub const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// XML Schema's own types.
pub const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
/// What the register has in common with its files.
pub const COMMON: &str = "urn:estafette:common:v1";
/// The register's operations.
pub const REGISTER: &str = "urn:estafette:register:v1";

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Inscribe a period.
    Inscribe,
    /// Remove rows, or days of them.
    Remove,
    /// Consult rows.
    Consult,
    /// Search a person by name.
    SearchPerson,
    /// Create a BCSS number.
    CreatePerson,
    /// Correct the data behind one.
    UpdatePerson,
    /// Vouchers, or a file.
    FetchMutations,
    /// Confirm a file.
    ConfirmMutations,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Inscribe,
        Self::Remove,
        Self::Consult,
        Self::SearchPerson,
        Self::CreatePerson,
        Self::UpdatePerson,
        Self::FetchMutations,
        Self::ConfirmMutations,
    ];

    /// The name of its element.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inscribe => "Inscribe",
            Self::Remove => "Remove",
            Self::Consult => "Consult",
            Self::SearchPerson => "SearchPerson",
            Self::CreatePerson => "CreatePerson",
            Self::UpdatePerson => "UpdatePerson",
            Self::FetchMutations => "FetchMutations",
            Self::ConfirmMutations => "ConfirmMutations",
        }
    }

    /// Whether it only asks: its status then says whether anything was found.
    pub const fn only_asks(self) -> bool {
        matches!(self, Self::Consult | Self::SearchPerson | Self::FetchMutations)
    }

    /// Whether a SOAPAction is its own.
    pub fn has_action(self, action: &str) -> bool {
        action.strip_prefix(REGISTER).and_then(|rest| rest.strip_prefix(':')) == Some(self.as_str())
    }
}
