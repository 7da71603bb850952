//! Files of this machine that a server may request with `LOAD DATA LOCAL`.
//!
//! A server gets only files in one folder and below. A request for any other file fails
//! that statement, with the classic client's error number; the session continues.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dbmatrix_platform::file::{open_at_once, os_string};
use futures_util::{FutureExt, StreamExt, stream};
use mysql_async::InfileData;
use mysql_async::prelude::GlobalHandler;
use tokio_util::io::ReaderStream;

use crate::outcome::SqlError;
use crate::sql_text::escape_bytes;

/// The client's error number for a file that is missing or unreadable.
const NOT_FOUND: u16 = 2;
/// `CR_LOAD_DATA_LOCAL_INFILE_REJECTED`.
const REJECTED: u16 = 2068;
/// Bytes sent at a time.
const CHUNK: usize = 64 * 1024;

/// The folders of a file with statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFolder {
    /// Base of relative names.
    pub base: PathBuf,
    /// Only files below this may be read.
    pub root: PathBuf,
}

impl LocalFolder {
    /// The folder of a file, and everything below it.
    pub fn beside(file: &Path) -> Self {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        LocalFolder {
            base: folder.to_owned(),
            root: folder.to_owned(),
        }
    }

    /// Opens a file that a server requests.
    fn open(&self, name: &[u8]) -> Result<std::fs::File, SqlError> {
        let path = self.base.join(os_string(name.to_vec()));
        let missing = |error: io::Error| not_found(name, &error);
        let real = path.canonicalize().map_err(missing)?;
        let root = self.root.canonicalize().map_err(missing)?;
        if !real.starts_with(&root) {
            return Err(rejected(name, &self.root));
        }
        // The path contains no links; one created in the meantime is not followed, and
        // opening does not wait for a pipe.
        let file = open_at_once(&real).map_err(missing)?;
        let is_file = file.metadata().map_err(missing)?.is_file();
        if !is_file {
            let error = io::Error::other("it is no regular file");
            return Err(not_found(name, &error));
        }
        Ok(file)
    }
}

fn refusal(code: u16, message: String) -> SqlError {
    SqlError {
        code,
        state: "HY000".to_owned(),
        message,
    }
}

fn not_found(name: &[u8], error: &io::Error) -> SqlError {
    let name = escape_bytes(name);
    let words = match error.raw_os_error() {
        Some(2) => format!("File '{name}' not found (OS errno 2 - No such file or directory)"),
        _ => format!("Error reading file '{name}' ({error})"),
    };
    refusal(NOT_FOUND, words)
}

fn rejected(name: &[u8], root: &Path) -> SqlError {
    let name = escape_bytes(name);
    let root = root.display();
    refusal(
        REJECTED,
        format!(
            "LOAD DATA LOCAL INFILE file request rejected due to restrictions on access: '{name}' is not below '{root}'; `local-files` in the suite can name another folder"
        ),
    )
}

/// The files that a session provides to its server. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct LocalFiles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    folder: Option<LocalFolder>,
    /// Why the server did not get the last file that it requested.
    refused: Option<SqlError>,
}

impl LocalFiles {
    pub(super) fn allow(&self, folder: LocalFolder) {
        self.lock().folder = Some(folder);
    }

    /// Why the server did not get the last file that it requested.
    pub(super) fn take_refusal(&self) -> Option<SqlError> {
        self.lock().refused.take()
    }

    fn refuse(&self, refusal: SqlError) {
        self.lock().refused = Some(refusal);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, name: &[u8]) -> Result<std::fs::File, SqlError> {
        let folder = self.lock().folder.clone();
        match folder {
            Some(folder) => folder.open(name),
            None => Err(refusal(
                REJECTED,
                "LOAD DATA LOCAL INFILE file request rejected due to restrictions on access."
                    .to_owned(),
            )),
        }
    }
}

impl GlobalHandler for LocalFiles {
    /// Never fails, because the driver would end the session. If a file is denied or
    /// cannot be read completely, the server gets the available part, and the session
    /// reports the refusal later.
    fn handle(&self, file_name: &[u8]) -> HandlerFuture {
        let files = self.clone();
        let name = file_name.to_vec();
        async move {
            let opened = {
                let (files, name) = (files.clone(), name.clone());
                tokio::task::spawn_blocking(move || files.open(&name)).await
            };
            let opened = opened.unwrap_or_else(|error| {
                Err(refusal(
                    NOT_FOUND,
                    format!("the file was not read: {error}"),
                ))
            });
            let data: InfileData = match opened {
                Ok(file) => {
                    let file = tokio::fs::File::from_std(file);
                    let chunks = ReaderStream::with_capacity(file, CHUNK);
                    let is_read = move |chunk: &io::Result<Bytes>| {
                        if let Err(error) = chunk {
                            files.refuse(not_found(&name, error));
                        }
                        std::future::ready(chunk.is_ok())
                    };
                    chunks.take_while(is_read).boxed()
                }
                Err(refusal) => {
                    files.refuse(refusal);
                    stream::empty().boxed()
                }
            };
            Ok(data)
        }
        .boxed()
    }
}

/// The result that the driver expects.
type HandlerFuture =
    futures_util::future::BoxFuture<'static, Result<InfileData, mysql_async::LocalInfileError>>;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn code(folder: &LocalFolder, name: &str) -> Result<String, u16> {
        let mut file = folder.open(name.as_bytes()).map_err(|error| error.code)?;
        let mut text = String::new();
        file.read_to_string(&mut text).expect("it is read");
        Ok(text)
    }

    #[test]
    fn only_files_of_the_folder_and_below_are_read() {
        let around = tempfile::tempdir().expect("a folder");
        let path = |name: &str| around.path().join(name);
        std::fs::create_dir_all(path("suite/sub")).expect("a folder");
        for name in ["out.csv", "suite/in.csv", "suite/sub/deep.csv"] {
            std::fs::write(path(name), name).expect("a file");
        }
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, path(at)).expect("a link");
        link("sub/deep.csv", "suite/inner.csv");
        link("../out.csv", "suite/outer.csv");
        link("..", "suite/up");
        let folder = LocalFolder::beside(&path("suite/a.sql"));
        assert_eq!(code(&folder, "in.csv").as_deref(), Ok("suite/in.csv"));
        assert_eq!(
            code(&folder, "./sub/deep.csv").as_deref(),
            Ok("suite/sub/deep.csv")
        );
        assert_eq!(
            code(&folder, "inner.csv").as_deref(),
            Ok("suite/sub/deep.csv")
        );
        let whole = path("suite/in.csv").display().to_string();
        assert_eq!(code(&folder, &whole).as_deref(), Ok("suite/in.csv"));
        for name in ["../out.csv", "outer.csv", "up/out.csv", "/etc/passwd"] {
            assert_eq!(code(&folder, name), Err(REJECTED), "{name}");
        }
        for name in ["none.csv", "sub", "/nonexistent/words.csv"] {
            assert_eq!(code(&folder, name), Err(NOT_FOUND), "{name}");
        }
        let wide = LocalFolder {
            root: around.path().to_owned(),
            ..folder
        };
        assert_eq!(code(&wide, "../out.csv").as_deref(), Ok("out.csv"));
    }

    #[tokio::test]
    async fn a_server_always_gets_an_answer_and_the_refusal_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "0123456789".repeat(20_000);
        std::fs::write(folder.path().join("in.csv"), &text).expect("a file");
        let files = LocalFiles::default();
        let given = async |name: &str| {
            let data = files.handle(name.as_bytes()).await.expect("a stream");
            let chunks = data
                .map(|chunk| chunk.expect("no error"))
                .collect::<Vec<_>>();
            String::from_utf8(chunks.await.concat()).expect("text")
        };
        assert_eq!(given("in.csv").await, "", "nobody has allowed a folder");
        let code = || files.take_refusal().map(|refusal| refusal.code);
        assert_eq!((code(), code()), (Some(REJECTED), None));
        files.allow(LocalFolder::beside(&folder.path().join("a.sql")));
        assert_eq!(given("none.csv").await, "");
        assert_eq!(code(), Some(NOT_FOUND));
        assert_eq!(given("in.csv").await, text);
        assert_eq!(code(), None);
    }
}
