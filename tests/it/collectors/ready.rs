//! The collectors that are ready.

use super::up;
use crate::alone::alone;
use crate::{read, reader};
use quipu::Registry;
use quipu::collect::{Process, Service, System, TokioRuntime};
use std::future::pending;
use std::thread;
use std::time::{Duration, Instant};

/// A field of a file in `/proc` of this process: of the line that begins with `name`.
#[cfg(target_os = "linux")]
fn proc(file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_is_what_proc_says() {
    alone("collectors::ready::a_process_is_what_proc_says", || {
        let registry = Registry::builder().namespace("shop").build().unwrap();
        registry.without_namespace().collect(Process::new()).unwrap();
        let open = |text: &str| {
            let read = reader::read(text).unwrap();
            assert_eq!(up(&read, "process"), Some(1.0));
            read.value("process_open_fds", &[]).unwrap()
        };
        let files = open(&registry.to_text());
        let held: Vec<_> = (0..10).map(|_| std::fs::File::open("/proc/self/stat").unwrap()).collect();
        assert_eq!(open(&registry.to_text()), files + 10.0);
        drop(held);

        // Some CPU time and memory, so that there is something to see.
        let memory = vec![1_u8; 64 << 20];
        let mut sum = 0_u64;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(50) {
            sum = sum.wrapping_add(memory.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        }
        assert!(sum > 0);
        // Now and then a worker ends.
        let threads = |seen: &reader::Exposition| seen.value("process_threads", &[]);
        let mut seen = read(&registry);
        while threads(&seen) != Some(proc("status", "Threads:")) {
            seen = read(&registry);
        }
        let value = |name: &str| seen.value(name, &[]).unwrap_or_else(|| panic!("{name}"));
        let near = |found: f64, expected: f64, tolerance: f64| {
            assert!((found - expected).abs() <= tolerance, "{found} {expected}");
        };
        assert_eq!(value("process_max_fds"), proc("limits", "Max open files"));
        assert_eq!(value("process_virtual_memory_max_bytes"), f64::INFINITY);
        near(value("process_virtual_memory_bytes"), proc("status", "VmSize:") * 1024.0, 16e6);
        near(value("process_resident_memory_bytes"), proc("status", "VmRSS:") * 1024.0, 16e6);
        assert!(value("process_resident_memory_bytes") > 64e6);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        near(value("process_cpu_seconds_total"), ticks / 100.0, 0.1);
        assert!(value("process_cpu_seconds_total") >= 0.04);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let start = value("process_start_time_seconds");
        assert!(now - 60.0 < start && start < now + 2.0, "{start} {now}");
    });
}

#[test]
fn a_runtime_tells_totals() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let registry = Registry::new();
    registry.collect(TokioRuntime::new(runtime.handle().clone())).unwrap();
    let tasks: Vec<_> = (0..3).map(|_| runtime.spawn(pending::<()>())).collect();
    runtime.block_on(async {
        let work = tokio::spawn(async { thread::sleep(Duration::from_millis(50)) });
        work.await.unwrap();
    });
    let busy = |read: &reader::Exposition| {
        let value = |worker| read.value("tokio_worker_busy_seconds_total", &[("worker", worker)]).unwrap();
        value("0") + value("1")
    };
    // A worker adds what it has done when it has nothing to do any more.
    let start = Instant::now();
    let mut seen = read(&registry);
    while busy(&seen) < 0.05 && start.elapsed() < Duration::from_secs(30) {
        seen = read(&registry);
    }
    assert!(busy(&seen) >= 0.05, "{}", busy(&seen));
    assert_eq!(seen.value("tokio_workers", &[]), Some(2.0));
    assert_eq!(seen.value("tokio_alive_tasks", &[]), Some(3.0));
    assert_eq!(seen.value("tokio_global_queue_depth", &[]), Some(0.0));
    assert!(busy(&read(&registry)) >= busy(&seen));
    let other = registry.with_prefix("other").unwrap();
    other.collect(TokioRuntime::new(runtime.handle().clone())).unwrap();
    assert_eq!(read(&registry).value("other_tokio_workers", &[]), Some(2.0));
    tasks.iter().for_each(|task| task.abort());
}

#[test]
fn a_system_is_looked_at_from_time_to_time() {
    let registry = Registry::new();
    registry.collect(System::new().disks().interval(Duration::ZERO)).unwrap();
    let start = Instant::now();
    let read = loop {
        let read = read(&registry);
        if read.value("system_cpu_usage_percent", &[("core", "0")]).is_some() || start.elapsed().as_secs() > 60 {
            break read;
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(up(&read, "system"), Some(1.0));
    let memory = |kind| read.value("system_memory_bytes", &[("type", kind)]).unwrap();
    let [used, available, total] = ["used", "available", "total"].map(memory);
    assert!(0.0 < used && used < total && 0.0 < available && available <= total, "{used} {available} {total}");
    let cores = &read.family("system_cpu_usage_percent").unwrap().samples;
    assert!(!cores.is_empty() && cores.iter().all(|core| (0.0..=100.5).contains(&core.value)), "{cores:?}");
}

#[test]
fn a_service_tells_its_build_and_its_age() {
    let registry = Registry::new();
    registry.collect(Service::new("1.2.3").commit("abc")).unwrap();
    let first = read(&registry);
    let build = [("version", "1.2.3"), ("commit", "abc"), ("timestamp", "")];
    assert_eq!(first.value("build_info", &build), Some(1.0));
    let uptime = first.value("uptime_seconds", &[]).unwrap();
    assert!(0.0 < uptime && uptime < read(&registry).value("uptime_seconds", &[]).unwrap());
}
