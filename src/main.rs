//! The command `estafette`: see [`estafette::cli`].
use std::process::ExitCode;

use clap::Parser;

/// Messages are made on one thread and dropped on another, for which this allocator is made.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator asks for huge pages. What passes through here is small and short-lived: zeroing them took a tenth of the
/// processor time of accepting, and gave nothing back.
fn without_huge_pages() {
    // A system that can't do it is slower, and nothing else.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    without_huge_pages();
    estafette::cli::Cli::parse().run()
}
