//! Reports as files: which ones are requested, and their writers.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use dbmatrix_platform::whole_file::replace_file;

use super::json::JsonLines;
use super::record::RunRecord;
use super::reporter_set::Reporter;
use super::{github, html, junit, markdown};
use crate::event::Event;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// JUnit XML, as CI systems read it.
    Junit,
    /// The events, one a line ([JSON Lines](https://jsonlines.org)).
    Json,
    /// Markdown, as a job's summary.
    Markdown,
    /// GitHub's workflow commands, which annotate lines of files.
    Github,
    /// A single self-contained page.
    Html,
}

impl ReportKind {
    const ALL: [(&'static str, ReportKind); 5] = [
        ("junit", ReportKind::Junit),
        ("json", ReportKind::Json),
        ("markdown", ReportKind::Markdown),
        ("github", ReportKind::Github),
        ("html", ReportKind::Html),
    ];

    fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

/// A requested report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSpec {
    /// Its format.
    pub kind: ReportKind,
    /// Its destination; `-` is standard output.
    pub path: PathBuf,
    /// Whether to append to the file.
    pub appends: bool,
}

impl FromStr for ReportSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) = text
            .split_once('=')
            .filter(|(_, path)| !path.is_empty())
            .ok_or_else(|| {
                format!("expected `KIND=FILE`, such as `junit=junit.xml`; found `{text}`")
            })?;
        let kind = ReportKind::ALL.iter().find(|(known, _)| *known == name);
        let (_, kind) = kind.ok_or_else(|| {
            let names = ReportKind::ALL.map(|(known, _)| format!("`{known}`"));
            format!("expected {}; found `{name}`", names.join(", "))
        })?;
        Ok(ReportSpec {
            kind: *kind,
            path: PathBuf::from(path),
            appends: false,
        })
    }
}

impl fmt::Display for ReportSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind.as_str(), self.path.display())
    }
}

/// Opens reporters for the requested reports. Checks that each file is writable, so that
/// a wrong path ends a run before it begins, and removes those of an earlier run.
///
/// # Errors
/// Human-readable, for the first file that cannot be written.
pub fn open_reports(specs: &[ReportSpec]) -> Result<Vec<Box<dyn Reporter>>, String> {
    let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
    for (at, spec) in specs.iter().enumerate() {
        let twice = |other: &ReportSpec| other.path == spec.path && !other.appends;
        if specs[..at].iter().any(twice) {
            return Err(format!("two reports go to `{}`", spec.path.display()));
        }
        let target = Target::new(spec);
        let opened = target.try_out().and_then(|()| {
            Ok(match spec.kind {
                ReportKind::Json => {
                    let out = target.open()?;
                    Box::new(JsonLines::new(spec.to_string(), out)) as Box<dyn Reporter>
                }
                _ => Box::new(AtTheEnd {
                    name: spec.to_string(),
                    kind: spec.kind,
                    target,
                    is_written: false,
                }),
            })
        });
        reporters
            .push(opened.map_err(|error| format!("could not write the report `{spec}`: {error}"))?);
    }
    Ok(reporters)
}

/// A report that is written at the end of the run.
struct AtTheEnd {
    name: String,
    kind: ReportKind,
    target: Target,
    is_written: bool,
}

impl Reporter for AtTheEnd {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_event(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, run: &RunRecord) -> io::Result<()> {
        let text = match self.kind {
            ReportKind::Junit => junit::render(run)?,
            ReportKind::Markdown => markdown::render(run),
            ReportKind::Github => github::render(run),
            ReportKind::Html => html::render(run),
            // Written as events arrive.
            ReportKind::Json => return Ok(()),
        };
        if self.target.is_stream() && self.is_written {
            return Ok(());
        }
        self.target.write(text.as_bytes())?;
        self.is_written = true;
        Ok(())
    }
}

/// The destination of a report.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    appends: bool,
}

impl Target {
    fn new(spec: &ReportSpec) -> Self {
        Target {
            path: spec.path.clone(),
            appends: spec.appends,
        }
    }

    fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Whether output cannot be taken back: to a pipe, a device, or a file that is
    /// appended to.
    fn is_stream(&self) -> bool {
        let is_special = fs::metadata(&self.path).is_ok_and(|found| !found.is_file());
        self.is_stdout() || self.appends || is_special
    }

    /// Writes the whole report: replaces a file at once, or writes to a stream.
    fn write(&self, report: &[u8]) -> io::Result<()> {
        if !self.is_stream() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            return replace_file(&self.path, report).map(drop);
        }
        let mut out = self.open()?;
        out.write_all(report)?;
        out.flush()
    }

    /// Checks the destination without leaving an empty file, which would look like a
    /// report.
    fn try_out(&self) -> io::Result<()> {
        // Opening and closing a pipe would signal its end to the reader.
        if self.is_stream() && !self.path.is_dir() {
            return Ok(());
        }
        drop(self.open()?);
        match fs::symlink_metadata(&self.path)?.is_file() {
            true => fs::remove_file(&self.path),
            false => Ok(()),
        }
    }

    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        if self.is_stdout() {
            return Ok(Box::new(UntilClosed::new(io::stdout())));
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = match self.appends {
            true => OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)?,
            false => File::create(&self.path)?,
        };
        Ok(Box::new(io::BufWriter::new(file)))
    }
}

/// Standard output, whose reader may go away (`| head`): the report then ends without an
/// error, as the output of other programs does. All other failures are errors.
struct UntilClosed<W> {
    out: W,
    is_closed: bool,
}

impl<W> UntilClosed<W> {
    fn new(out: W) -> Self {
        UntilClosed {
            out,
            is_closed: false,
        }
    }

    /// The result of a write, or `instead` if nobody reads it.
    fn unless_closed<T>(&mut self, written: io::Result<T>, instead: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(instead)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.unless_closed(flushed, ())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn spec(text: &str) -> ReportSpec {
        text.parse().expect("a report")
    }

    #[test]
    fn a_wanted_report_is_a_kind_and_a_file() {
        assert_eq!(spec("junit=out/a=b.xml").path, Path::new("out/a=b.xml"));
        assert_eq!(spec("html=-").to_string(), "html=-");
        for wrong in ["junit", "junit=", "xml=file", ""] {
            assert!(wrong.parse::<ReportSpec>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_that_cannot_be_written_is_told_before_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = |name: &str| folder.path().join(name).display().to_string();
        fs::write(inside("file"), "").expect("a file");
        let wrong = spec(&format!("html={}", inside("file/page.html")));
        assert!(open_reports(&[wrong]).is_err());
        let twice = spec(&format!("html={}", inside("page")));
        assert!(open_reports(&[twice.clone(), twice]).is_err());
    }

    #[test]
    fn a_report_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.html");
        let wanted = spec(&format!("html={}", path.display()));
        let mut reporters = open_reports(&[wanted]).expect("opened");
        reporters[0].finish(&RunRecord::default()).expect("written");
        // A reader of the old file can continue while another one replaces it.
        let mut reading = File::open(&path).expect("a report");
        reporters[0].finish(&RunRecord::default()).expect("written");
        let mut text = String::new();
        io::Read::read_to_string(&mut reading, &mut text).expect("text");
        assert!(text.ends_with("</html>"), "{text}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_device_that_is_full_is_an_error_and_stays_a_device() {
        let mut reporters = open_reports(&[spec("html=/dev/full")]).expect("opened");
        let full = reporters[0].finish(&RunRecord::default());
        assert_eq!(full.expect_err("full").kind(), io::ErrorKind::StorageFull);
        assert!(!Path::new("/dev/full").is_file());
    }

    /// Fails on every write and counts them.
    struct Failing(io::ErrorKind, usize);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_ends_a_report_and_a_full_disk_is_an_error() {
        let mut gone = UntilClosed::new(Failing(io::ErrorKind::BrokenPipe, 0));
        for _ in 0..2 {
            gone.write_all(b"line\n").expect("nobody reads it");
            gone.flush().expect("nobody reads it");
        }
        assert_eq!(gone.out.1, 1);
        let mut full = UntilClosed::new(Failing(io::ErrorKind::StorageFull, 0));
        full.write_all(b"line\n").expect_err("full");
        full.flush().expect_err("full");
    }

    #[test]
    fn an_old_report_goes_and_a_new_one_comes_with_its_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/junit.xml");
        let wanted = spec(&format!("junit={}", path.display()));
        for _ in 0..2 {
            let mut reporters = open_reports(std::slice::from_ref(&wanted)).expect("opened");
            assert!(!path.exists());
            reporters[0].finish(&RunRecord::default()).expect("written");
            assert!(
                fs::read_to_string(&path)
                    .expect("text")
                    .contains("<testsuites")
            );
        }
    }
}
