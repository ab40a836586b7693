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
        show(samples, &Stat::parse(&read_to_string("/proc/self/stat").unwrap_or_default()));
    }

    fn show(samples: &mut Samples, stat: &Stat) {
        set(samples, "process_threads", stat.threads);
        set(samples, "process_virtual_memory_bytes", stat.virtual_bytes);
        set(samples, "process_resident_memory_bytes", resident_bytes(stat));
        set(samples, "process_start_time_seconds", start_seconds(stat));
    }

    /// But for the one by which they are counted.
    fn open_files() -> Option<u64> {
        Some((read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
    }

    fn resident_bytes(stat: &Stat) -> Option<u64> {
        stat.resident_pages?.checked_mul(constant(Constant::PageBytes)?)
    }

    fn start_seconds(stat: &Stat) -> Option<f64> {
        let ticks = stat.start_ticks?;
        let all = read_to_string("/proc/stat").ok()?;
        let boot: u64 = all.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(boot as f64 + ticks as f64 / constant(Constant::TicksPerSecond)? as f64)
    }

    /// Of `/proc/self/stat`; each field that could be read.
    #[derive(Debug, Default, PartialEq)]
    pub(super) struct Stat {
        threads: Option<u64>,
        /// After the system's boot.
        start_ticks: Option<u64>,
        virtual_bytes: Option<u64>,
        resident_pages: Option<u64>,
    }

    impl Stat {
        fn parse(text: &str) -> Stat {
            // The second field is the name, in parentheses, which may itself have some, and blanks.
            let Some((_, fields)) = text.rsplit_once(')') else { return Stat::default() };
            let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
            let field = |number: usize| fields.get(number - 3)?.parse().ok();
            Stat { threads: field(20), start_ticks: field(22), virtual_bytes: field(23), resident_pages: field(24) }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::Registry;
        use crate::collect::{CollectError, Collector};

        #[test]
        fn a_name_may_look_like_fields() {
            let text = "7 (a) R (b 1 2) S 1 7 7 0 -1 4194304 103 0 0 0 3 4 0 0 20 0 9 0 326435 3133440 417 18446744073709551615 1";
            let [threads, start_ticks, virtual_bytes, resident_pages] = [9, 326_435, 3_133_440, 417].map(Some);
            assert_eq!(Stat::parse(text), Stat { threads, start_ticks, virtual_bytes, resident_pages });
        }

        #[test]
        fn a_field_that_cannot_be_read_costs_no_other() {
            let parsed = |fields: &str| {
                let stat = Stat::parse(&format!("7 (a) S 1 7 7 0 -1 4194304 103 0 0 0 3 4 0 0 20 0 {fields}"));
                [stat.threads, stat.start_ticks, stat.virtual_bytes, stat.resident_pages]
            };
            assert_eq!(parsed("9 0 10 11 12 1"), [Some(9), Some(10), Some(11), Some(12)]);
            assert_eq!(parsed("x 0 10 11 12 1"), [None, Some(10), Some(11), Some(12)]);
            assert_eq!(parsed("9 0 -1 11 12"), [Some(9), None, Some(11), Some(12)]);
            assert_eq!(parsed("9 0 10 18446744073709551616 12"), [Some(9), Some(10), None, Some(12)]);
            assert_eq!(parsed("9 0 10"), [Some(9), Some(10), None, None]);
            for cut in ["", "7 (a) R", "7 a S"] {
                assert_eq!(Stat::parse(cut), Stat::default(), "{cut}");
            }
        }

        #[test]
        fn what_is_not_known_is_missing_and_nothing_else() {
            struct Of(Stat);
            impl Collector for Of {
                fn declare(&self, families: &mut Declaration) {
                    families.name("process");
                    declare(families);
                }
                fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
                    show(samples, &self.0);
                    Ok(())
                }
            }
            let registry = Registry::new();
            registry.collect(Of(Stat { virtual_bytes: Some(10), ..Stat::default() })).unwrap();
            let snapshot = registry.snapshot();
            let names = snapshot.families().iter().map(|family| family.name());
            let shown: Vec<_> = names.filter(|name| name.starts_with("process_")).collect();
            assert_eq!(shown, ["process_virtual_memory_bytes"]);
            assert_eq!(snapshot.value("quipu_collector_up", &[("collector", "process")]), Some(1.0));
        }

        /// More pages than there can be: nothing wraps.
        #[test]
        fn memory_that_no_number_can_hold_is_not_known() {
            let pages = |resident_pages| Stat { resident_pages, ..Stat::default() };
            assert_eq!(resident_bytes(&pages(Some(u64::MAX))), None);
            assert!(resident_bytes(&pages(Some(1))).is_some_and(|bytes| bytes >= 4096));
        }
    }
}
