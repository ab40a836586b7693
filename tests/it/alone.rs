//! Tests that need a process for themselves: because they fork, limit its memory, or look at all of it.

use std::process::Command;

/// Set in that process.
const ALONE: &str = "QUIPU_TEST_ALONE";

/// Runs a test in a process of its own: `test` is its path.
pub(crate) fn alone(test: &str, run: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return run();
    }
    let program = std::env::current_exe().unwrap();
    let me = [test, "--exact", "--nocapture", "--test-threads=1"];
    let output = Command::new(program).args(me).env(ALONE, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}
