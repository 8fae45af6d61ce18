//! keybearer, the executable that runs as root.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use keybearer::sys::WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

fn main() -> ExitCode {
    keybearer::app::main()
}
