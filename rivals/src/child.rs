//! Other processes of this program, for what has to be measured alone.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// First argument of a process that was started by another.
pub(crate) const FLAG: &str = "--child";

/// A child that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    /// The first line it printed.
    pub(crate) greeting: String,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().expect("the program can run");
        let output = child.stdout.take().expect("it is piped");
        let mut greeting = String::new();
        BufReader::new(output).read_line(&mut greeting).expect("the child prints a line");
        Self { child, greeting: greeting.trim().to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child prints until it ends.
pub(crate) fn output(arguments: &[&str]) -> String {
    let output = command(arguments).output().expect("the program can run");
    assert!(output.status.success(), "a child failed: {arguments:?}");
    String::from_utf8(output.stdout).expect("a child prints text").trim().to_owned()
}

/// Calls `each` for the lines that a child prints, as they come.
pub(crate) fn for_each_line(arguments: &[&str], each: impl FnMut(String)) {
    let mut child = command(arguments).spawn().expect("the program can run");
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).lines().map(|line| line.expect("a child prints text")).for_each(each);
    assert!(child.wait().expect("it was started").success(), "a child failed: {arguments:?}");
}

fn command(arguments: &[&str]) -> Command {
    let program = env::current_exe().expect("the program has a path");
    let mut command = Command::new(program);
    command.arg(FLAG).args(arguments).stdout(Stdio::piped());
    command
}

/// Resident bytes of a process.
pub(crate) fn resident(process: u32) -> u64 {
    status(process, "VmRSS:")
}

/// The most bytes that were resident since the process started or [`forget_peak`] was called.
pub(crate) fn peak(process: u32) -> u64 {
    status(process, "VmHWM:")
}

pub(crate) fn forget_peak(process: u32) {
    fs::write(format!("/proc/{process}/clear_refs"), "5").expect("the process is a child");
}

fn status(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.and_then(|number| number.parse().ok()).expect("the kernel reports it in kB");
    kibibytes * 1024
}
