//! The standard metrics of a process.

use super::{CollectError, Collector, Declaration, Samples};

/// The `process_*` metrics that the client libraries of Prometheus have in common, for stock dashboards. Needs the feature `process`.
///
/// | family | Linux | other Unix systems | Windows |
/// |---|---|---|---|
/// | `process_cpu_seconds_total` | yes | yes | no |
/// | `process_open_fds` | yes | no | no |
/// | `process_max_fds` | yes | yes | no |
/// | `process_virtual_memory_bytes`, `process_resident_memory_bytes` | yes | no | no |
/// | `process_virtual_memory_max_bytes` | yes | yes | no |
/// | `process_start_time_seconds` (since 1970; to about a second) | yes | no | no |
/// | `process_threads` | yes | no | no |
///
/// A limit that is not set is `+Inf`. What cannot be read, for want of `/proc` or of a file descriptor, is missing from a scrape.
///
/// # Cost
/// Two small files and a directory of `/proc` at a scrape: 20 to 40 µs, and 0.1 to 0.2 µs for each open file.
///
/// ```
/// let registry = quipu::Registry::builder().namespace("shop").build()?;
/// registry.without_namespace().collect(quipu::collect::Process::new())?;
/// # #[cfg(unix)]
/// assert!(registry.to_text().contains("\nprocess_cpu_seconds_total "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Process(());

impl Process {
    /// A collector of the process that it runs in.
    pub fn new() -> Process {
        Process(())
    }
}

impl Collector for Process {
    fn declare(&self, families: &mut Declaration) {
        families.name("process");
        #[cfg(unix)]
        {
            let cpu = "CPU time that the process has used, in user and in system mode.";
            families.counter("process_cpu_seconds_total", cpu).unit("seconds");
            families.gauge("process_max_fds", "File descriptors that the process may have open.");
            let most = "Address space that the process may use.";
            families.gauge("process_virtual_memory_max_bytes", most).unit("bytes");
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        proc::declare(families);
    }

    fn collect(&mut self, _samples: &mut Samples) -> Result<(), CollectError> {
        #[cfg(unix)]
        {
            use crate::sync::process::{Limit, cpu_time, limit};
            set(_samples, "process_cpu_seconds_total", cpu_time().map(|time| time.as_secs_f64()));
            set(_samples, "process_max_fds", limit(Limit::Files));
            set(_samples, "process_virtual_memory_max_bytes", limit(Limit::AddressSpace));
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        proc::collect(_samples);
        Ok(())
    }
}

#[cfg(unix)]
fn set(samples: &mut Samples, family: &str, value: Option<impl Into<super::Number>>) {
    if let Some(value) = value {
        samples.set(family, &[], value);
    }
}

/// What `/proc` tells (proc(5)).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod proc {
    use super::{Declaration, Samples, set};
    use crate::sync::process::{Constant, constant};
    use std::fs::{read_dir, read_to_string};

    pub(super) fn declare(families: &mut Declaration) {
        families.gauge("process_open_fds", "File descriptors that the process has open.");
        families.gauge("process_virtual_memory_bytes", "Address space that the process uses.").unit("bytes");
        families.gauge("process_resident_memory_bytes", "Memory of the process that is not swapped out.").unit("bytes");
        let start = "When the process began, in seconds since the start of 1970.";
        families.gauge("process_start_time_seconds", start).unit("seconds");
        families.gauge("process_threads", "Threads of the process.");
    }

    pub(super) fn collect(samples: &mut Samples) {
        set(samples, "process_open_fds", open_files());
        let Some(stat) = Stat::read() else { return };
        set(samples, "process_threads", Some(stat.threads));
        set(samples, "process_virtual_memory_bytes", Some(stat.virtual_bytes));
        let page_bytes = constant(Constant::PageBytes);
        set(samples, "process_resident_memory_bytes", page_bytes.map(|bytes| bytes * stat.resident_pages));
        set(samples, "process_start_time_seconds", start_seconds(&stat));
    }

    /// But for the one by which they are counted.
    fn open_files() -> Option<u64> {
        Some((read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
    }

    fn start_seconds(stat: &Stat) -> Option<f64> {
        let all = read_to_string("/proc/stat").ok()?;
        let boot: u64 = all.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(boot as f64 + stat.start_ticks as f64 / constant(Constant::TicksPerSecond)? as f64)
    }

    /// Of `/proc/self/stat`.
    #[derive(Debug, PartialEq)]
    pub(super) struct Stat {
        threads: u64,
        /// After the system's boot.
        start_ticks: u64,
        virtual_bytes: u64,
        resident_pages: u64,
    }

    impl Stat {
        fn read() -> Option<Stat> {
            Stat::parse(&read_to_string("/proc/self/stat").ok()?)
        }

        fn parse(text: &str) -> Option<Stat> {
            // The second field is the name, in parentheses, which may itself have some, and blanks.
            let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
            let field = |number: usize| fields.get(number - 3)?.parse().ok();
            Some(Stat {
                threads: field(20)?,
                start_ticks: field(22)?,
                virtual_bytes: field(23)?,
                resident_pages: field(24)?,
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_may_look_like_fields() {
            let text = "7 (a) R (b 1 2) S 1 7 7 0 -1 4194304 103 0 0 0 3 4 0 0 20 0 9 0 326435 3133440 417 18446744073709551615 1";
            let stat = Stat { threads: 9, start_ticks: 326_435, virtual_bytes: 3_133_440, resident_pages: 417 };
            assert_eq!(Stat::parse(text), Some(stat));
            for cut in ["", "7 (a) R", "7 (a) S 1 7 7 0 -1 4194304 103 0 0 0 3 4 0 0 20 0 x 0 1 1 1", "7 a S"] {
                assert_eq!(Stat::parse(cut), None, "{cut}");
            }
        }
    }
}
