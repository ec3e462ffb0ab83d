//! Birth dates, as far as they are known.
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A year, a month of a year, or a day; packed as year, month and day, zero where not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BirthDate(u32);

/// Why a text is no birth date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// In another form.
    #[error("a birth date is YYYY-MM-DD, YYYY-MM or YYYY: write it so")]
    Form,
    /// Not in the calendar.
    #[error("the calendar has no such day: check the birth date")]
    Calendar,
}

impl BirthDate {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `00` for what is not known.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('-').map(|part| part.parse::<u32>().map_err(|_| Error::Form));
        let year = parts.next().unwrap_or(Err(Error::Form))?;
        let month = parts.next().unwrap_or(Ok(0))?;
        let day = parts.next().unwrap_or(Ok(0))?;
        if month > 12 || (month == 0 && day > 0) || !(1800..=9999).contains(&year) {
            return Err(Error::Calendar);
        }
        if day > 0 && Date::new(year as i16, month as i8, day as i8).is_err() {
            return Err(Error::Calendar);
        }
        Ok(Self((year * 100 + month) * 100 + day))
    }

    /// Packed; sorts as the dates do.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// What an earlier [`Self::to_u32`] gave, unchecked.
    pub const fn from_u32(packed: u32) -> Self {
        Self(packed)
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.0 / 10_000, self.0 / 100 % 100, self.0 % 100);
        write!(f, "{year:04}")?;
        if month > 0 {
            write!(f, "-{month:02}")?;
        }
        if day > 0 {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(***)")
    }
}
