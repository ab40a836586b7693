//! Files that are none.

use crate::{Temporary, builder, refused};
use quipu::config::Sources;
use quipu::engine::Settings;
use std::fs;
use std::time::Instant;

impl Temporary {
    /// What is said of the file, without its path.
    #[track_caller]
    fn refused(&self) -> String {
        let error = builder().file(&self.0).build().unwrap_err().to_string();
        let path = self.0.display().to_string();
        error.strip_prefix(&path).unwrap_or_else(|| panic!("{error}")).to_owned()
    }
}

#[test]
fn one_that_is_not_there_or_no_file() {
    let file = Temporary::new("none.toml");
    assert_eq!(
        file.refused(),
        ": cannot be read: No such file or directory (os error 2); write the path of a TOML file"
    );
    let folder = Temporary::new("folder");
    fs::create_dir(&folder.0).unwrap();
    assert_eq!(folder.refused(), ": is no regular file; write the path of a TOML file");
}

/// To open a pipe to which nobody writes would wait for ever, and with it a reload and a stop.
#[test]
#[cfg(unix)]
fn a_pipe_holds_nobody_up() {
    let pipe = Temporary::new("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap();
    assert!(made.success());
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| done.send(pipe.refused()).unwrap());
        let told = is_done.recv_timeout(std::time::Duration::from_secs(20));
        if told.is_err() {
            // Lets go whoever waits for it.
            fs::OpenOptions::new().write(true).open(&pipe.0).unwrap();
        }
        assert_eq!(told.as_deref(), Ok(": is no regular file; write the path of a TOML file"));
    });
}

#[test]
#[cfg(unix)]
fn one_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let file = Temporary::new("secret.toml");
    file.write("[metrics]");
    fs::set_permissions(&file.0, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read all.
    if fs::read(&file.0).is_err() {
        assert!(file.refused().starts_with(": cannot be read: Permission denied"));
    }
}

#[test]
fn one_of_100_mb_is_not_read_to_its_end() {
    let file = Temporary::new("large.toml");
    fs::File::create(&file.0).unwrap().set_len(100_000_000).unwrap();
    assert_eq!(file.refused(), ": has more than 1048576 bytes: is it another file?");
}

#[test]
fn one_that_is_no_text() {
    let file = Temporary::new("binary.toml");
    file.write(b"[metrics]\n\"\xc3\xa4\" = \xff\x00");
    assert_eq!(file.refused(), ":2:7: this is no text in UTF-8; write the path of a TOML file");
    file.write(b"\x7fELF\0\0\0");
    assert!(file.refused().starts_with(":1:"), "{}", file.refused());
}

#[test]
fn a_mark_at_the_beginning_is_no_part_of_it() {
    let file = Temporary::new("marked.toml");
    file.write("\u{feff}metrics.namespace = \"shop\"\n");
    let engine = builder().file(&file.0).build().unwrap();
    assert_eq!(engine.settings().namespace, "shop");
    file.write("\u{feff}metrics.namespaces = \"shop\"\r\n");
    assert!(file.refused().starts_with(":1:9: unknown key"), "{}", file.refused());
}

#[test]
fn broken_toml_is_told_with_its_places() {
    let error = refused("[metrics\nenabled = true\n\n[metrics.http]\nenabled = = false\n").to_string();
    let lines: Vec<_> = error.lines().collect();
    assert!(lines.len() >= 2, "{error}");
    assert!(lines[0].starts_with("a.toml:1:9: "), "{error}");
    assert!(lines.iter().any(|line| line.starts_with("a.toml:5:11: ")), "{error}");
    let error = refused("[metrics]\nenabled = true\nenabled = false\n").to_string();
    assert_eq!(error, "a.toml:3:1: duplicate key");
}

#[test]
fn a_table_in_place_of_a_value_is_told_once() {
    let error = refused("[metrics.enabled]\na.b = 1\nc = 2\n[metrics.global_labels.region]\nd = 1\n").to_string();
    let wanted = "a.toml:1:1: `metrics.enabled` is a table: write true or false\n\
        a.toml:4:1: `metrics.global_labels.region` is a table: write text in quotes";
    assert_eq!(error, wanted);
}

#[test]
fn deep_and_wide_ones_take_no_more_than_their_size() {
    let deep = format!("metrics.histograms.a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&deep);
    let wide: String = (0..20_000).map(|n| format!("a{n} = 1\n")).collect();
    let error = refused(&wide);
    assert_eq!(error.problems().len(), 20_000);
    assert!(error.to_string().ends_with("\nand 19950 more"));
}

#[test]
fn a_table_of_many_names_is_read_in_a_time_that_grows_as_it_does() {
    let time = |names: usize| {
        let families: String = (0..names).map(|n| format!("a{n} = {{}}\n")).collect();
        let text = format!("[metrics.families]\n{families}");
        let read = || {
            let start = Instant::now();
            let mut settings = Settings::default();
            Sources::new().text("a.toml", &*text).read(&mut settings).unwrap();
            assert_eq!(settings.families.len(), names);
            start.elapsed()
        };
        // Others may have the processor at times.
        (0..3).map(|_| read()).min().unwrap()
    };
    let (few, many) = (time(4_000), time(32_000));
    // If each were looked for among all, it would be 64 times.
    assert!(many < 32 * few, "{few:?} and {many:?}");
}
