//! The `tributary` command.

/// See `mimalloc` in the workspace's dependencies for why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tributary::cli::run()
}
