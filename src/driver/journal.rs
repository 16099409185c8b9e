//! What the server acknowledged, noted by its client: after a crash the log must hold all of it.

use std::{
    fmt::Debug,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::Mutex,
};

use bytes::Bytes;
use serde_json::{Value, json};

/// A command that the server acknowledged.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The call's name, as counted.
    pub call: &'static str,
    /// Its path.
    pub path: String,
    /// Its idempotency key, where it had one.
    pub idempotency_key: Option<String>,
    /// 200 or 201.
    pub status: u16,
    /// The answer.
    pub body: Bytes,
}

/// Takes note of acknowledged commands. Called on the request's path: must not block for long.
pub trait Journal: Send + Sync + Debug {
    /// Takes note of one.
    fn acknowledged(&self, entry: &Acknowledged);
}

/// One JSON object per line: `call`, `path`, `key`, `status`, `answer`.
#[derive(Debug)]
pub struct FileJournal {
    file: Mutex<BufWriter<File>>,
}

impl FileJournal {
    /// Starts a journal in a new file.
    ///
    /// # Errors
    /// When the file can't be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Mutex::new(BufWriter::new(File::create(path)?)),
        })
    }

    /// Hands what was noted to the operating system.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BufWriter<File>> {
        self.file.lock().expect("no holder of this lock can panic")
    }
}

impl Journal for FileJournal {
    fn acknowledged(&self, entry: &Acknowledged) {
        let line = json!({
            "call": entry.call,
            "path": entry.path,
            "key": entry.idempotency_key,
            "status": entry.status,
            "answer": serde_json::from_slice::<Value>(&entry.body).unwrap_or(Value::Null),
        });
        // A journal that can't be written must not stop the load; its reader misses the lines and says so.
        if let Err(error) = writeln!(self.lock(), "{line}") {
            tracing::error!(%error, "the journal can't be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_whole_command() {
        let path = std::env::temp_dir().join(format!("frontrow-journal-{}", std::process::id()));
        let journal = FileJournal::create(&path).unwrap();
        journal.acknowledged(&Acknowledged {
            call: "pay",
            path: "/v1/payments".into(),
            idempotency_key: Some("k1".into()),
            status: 201,
            body: Bytes::from_static(br#"{"position":7}"#),
        });
        journal.flush().unwrap();
        let line: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(line["key"], "k1");
        assert_eq!(line["answer"]["position"], 7);
    }
}
