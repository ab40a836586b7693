//! What must not compile, and what must. Each of `cases/` is a program of its own; those that are refused have what the compiler says beside
//! them. `TRYBUILD=overwrite cargo test -p mistakes` writes that anew.

#[cfg(test)]
mod tests {
    #[test]
    fn mistakes_do_not_compile() {
        // What is expected is the compiler's own words, which change with its version.
        let compiler = std::process::Command::new("rustc").arg("--version").output().expect("rustc runs").stdout;
        if !compiler.starts_with(b"rustc 1.95.") {
            eprintln!("skipped: the messages of rustc 1.95 are expected");
            return;
        }
        let cases = trybuild::TestCases::new();
        cases.pass("cases/pass/*.rs");
        cases.compile_fail("cases/*.rs");
    }
}
