//! Which kinds of files a document may have.
//!
//! Source: the media types that the Message Registry 2.1 enumerates for attachments. What a file says it is must agree with what its
//! first bytes are; which bytes those are is the edge's to know.
use serde::{Deserialize, Serialize};

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// PDF.
    Pdf,
    /// ZIP.
    Zip,
    /// Comma-separated values.
    Csv,
    /// HTML; shown only after it was made harmless.
    Html,
    /// Plain text.
    Plain,
    /// XML.
    Xml,
    /// OpenDocument text.
    Odt,
    /// OpenDocument spreadsheet.
    Ods,
    /// OpenDocument presentation.
    Odp,
    /// OpenDocument drawing.
    Odg,
    /// Excel before 2007.
    Xls,
    /// Excel.
    Xlsx,
    /// PowerPoint before 2007.
    Ppt,
    /// Word before 2007.
    Doc,
    /// Word.
    Docx,
}

/// Not one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this media type is not taken: see `GET /v1/limits` for those that are")]
pub struct NotTaken;

impl MediaType {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Pdf,
        Self::Zip,
        Self::Csv,
        Self::Html,
        Self::Plain,
        Self::Xml,
        Self::Odt,
        Self::Ods,
        Self::Odp,
        Self::Odg,
        Self::Xls,
        Self::Xlsx,
        Self::Ppt,
        Self::Doc,
        Self::Docx,
    ];

    /// As it is written in `Content-Type` and in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Csv => "text/csv",
            Self::Html => "text/html",
            Self::Plain => "text/plain",
            Self::Xml => "text/xml",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Odp => "application/vnd.oasis.opendocument.presentation",
            Self::Odg => "application/vnd.oasis.opendocument.graphics",
            Self::Xls => "application/vnd.ms-excel",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Ppt => "application/vnd.ms-powerpoint",
            Self::Doc => "application/msword",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    }

    /// Reads one; parameters such as a charset don't matter, nor does the case of letters.
    pub fn parse(text: &str) -> Result<Self, NotTaken> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(essence)).ok_or(NotTaken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_read_with_its_parameters_and_another_is_not_taken() {
        for known in MediaType::ALL {
            assert_eq!(MediaType::parse(known.as_str()), Ok(known));
        }
        assert_eq!(MediaType::parse("Text/HTML; charset=utf-8"), Ok(MediaType::Html));
        assert_eq!(MediaType::parse("image/svg+xml"), Err(NotTaken));
    }
}
