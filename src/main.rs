//! The thin binary.

fn main() -> std::process::ExitCode {
    dbmatrix::cli::main()
}
