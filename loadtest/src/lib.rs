//! Simulators and load.
