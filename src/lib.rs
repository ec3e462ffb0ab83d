//! Estafette.
