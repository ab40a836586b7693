//! Values that something else keeps, read when they are scraped.
//!
//! `cargo run --example collector --features process,server`, then `curl http://127.0.0.1:9090/metrics`.

use quipu::Registry;
use quipu::collect::{CollectError, Collector, Declaration, Process, Samples, Service};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the application counts already.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Looks at the files of a folder. That may take a while: a scrape waits for it, but not for long, and no request does.
struct Spool {
    folder: PathBuf,
}

impl Collector for Spool {
    fn declare(&self, families: &mut Declaration) {
        families.name("spool").timeout(Duration::from_secs(2));
        families.gauge("spool_files", "Files that wait.").labels(["extension"]);
        families.gauge("spool_size_bytes", "Size of the files that wait.").unit("bytes").labels(["extension"]);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        let (mut mails, mut others) = ((0, 0), (0, 0));
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            // A label for each extension that there may be would be a label without bounds.
            let is_mail = file.path().extension().is_some_and(|extension| extension == "eml");
            let (files, bytes) = if is_mail { &mut mails } else { &mut others };
            *files += 1;
            *bytes += file.metadata()?.len();
        }
        for (extension, (files, bytes)) in [("eml", mails), ("other", others)] {
            samples.set("spool_files", &[extension], files);
            samples.set("spool_size_bytes", &[extension], bytes);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    registry.counter("requests_total", "Requests.").collect(|| REQUESTS.load(Ordering::Relaxed))?;
    registry.collect(Spool { folder: std::env::temp_dir() })?;
    registry.collect(Process::new())?;
    registry.collect(Service::new(env!("CARGO_PKG_VERSION")))?;

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let server = quipu::export::serve(address, registry)?;
    println!("metrics on http://{}/metrics", server.local_addr());
    loop {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
    }
}
