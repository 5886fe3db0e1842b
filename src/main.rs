//! The `lienthong` process: the command line decides what happens, and what the process ends with.

use std::process::ExitCode;

fn main() -> ExitCode {
    lienthong::cli::main()
}
