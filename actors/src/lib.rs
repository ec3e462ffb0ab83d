//! What decides in Estafette.
