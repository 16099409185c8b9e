//! Copies of the heads outside the log's database: a file that is only ever appended to, one head a line. Whoever can change the
//! database must change this, too, and every copy of it that someone has taken away.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use event_store::seals::SealedHead;
use serde::{Deserialize, Serialize};

/// Name of the file in the data folder.
pub const HEADS_FILE: &str = "sealed-heads.ndjson";
/// Longest line: a note has a few hundred bytes.
const MAX_LINE: u64 = 16 * 1024;

/// A copy of a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// How many events it covers.
    pub size: u64,
    /// When it was signed.
    pub sealed_at: DateTime<Utc>,
    /// The signed note: what counts.
    pub note: String,
}

impl From<&SealedHead> for Copy {
    fn from(head: &SealedHead) -> Self {
        Self {
            size: head.size,
            sealed_at: head.sealed_at,
            note: head.note.clone(),
        }
    }
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    path: PathBuf,
}

impl Copies {
    /// In `path`; made with the first copy.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All copies, in the order of the file; a last line that a crash cut off is none.
    ///
    /// # Errors
    /// A file that can't be read, or a line that is no copy, with its number.
    pub fn read(&self) -> io::Result<Vec<Copy>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let (mut lines, mut copies) = (BufReader::new(file), Vec::new());
        for number in 1_u64.. {
            let mut line = String::new();
            lines.by_ref().take(MAX_LINE).read_line(&mut line)?;
            if !line.ends_with('\n') {
                break;
            }
            let copy = serde_json::from_str(&line).map_err(|error| {
                io::Error::other(format!("line {number} is no copy of a head: {error}"))
            })?;
            copies.push(copy);
        }
        Ok(copies)
    }

    /// Up to which size there are copies.
    ///
    /// # Errors
    /// As [`Copies::read`].
    pub fn newest(&self) -> io::Result<u64> {
        let sizes = self.read()?.into_iter().map(|copy| copy.size);
        Ok(sizes.max().unwrap_or_default())
    }

    /// Adds copies; they are on disk when this returns.
    ///
    /// # Errors
    /// A file that can't be written.
    pub fn append(&self, heads: &[SealedHead]) -> io::Result<()> {
        if heads.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)?;
        let mut lines = Vec::new();
        if file.seek(SeekFrom::End(0))? > 0 {
            // What a crash cut off ends here: it stands, as a line that is skipped no more.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                let whole = whole_lines(&self.path)?;
                file.set_len(whole)?;
            }
        }
        for head in heads {
            serde_json::to_writer(&mut lines, &Copy::from(head))?;
            lines.push(b'\n');
        }
        file.write_all(&lines)?;
        file.sync_all()
    }
}

/// How many bytes the lines have that are whole.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let (mut lines, mut whole) = (BufReader::new(File::open(path)?), 0);
    loop {
        let mut line = Vec::new();
        let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(whole);
        }
        whole += u64::try_from(read).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn head(size: u64) -> SealedHead {
        SealedHead {
            size,
            root: [0; 32],
            note: format!("log\n{size}\n"),
            sealed_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn goes_on_where_a_crash_cut_it_off() {
        let folder = Folder::new();
        let copies = Copies::new(folder.path(HEADS_FILE));
        assert_eq!(copies.read().unwrap(), []);
        copies.append(&[head(1), head(2)]).unwrap();
        let whole = std::fs::read(copies.path()).unwrap();
        copies.append(&[head(3)]).unwrap();
        let longer = std::fs::read(copies.path()).unwrap();
        for cut in whole.len()..longer.len() {
            std::fs::write(copies.path(), &longer[..cut]).unwrap();
            assert_eq!(copies.newest().unwrap(), 2);
            copies.append(&[head(3)]).unwrap();
            assert_eq!(std::fs::read(copies.path()).unwrap(), longer);
        }
    }

    #[test]
    fn names_a_line_that_is_no_copy() {
        let folder = Folder::new();
        let copies = Copies::new(folder.path(HEADS_FILE));
        copies.append(&[head(1)]).unwrap();
        let mut file = OpenOptions::new().append(true).open(copies.path()).unwrap();
        file.write_all(b"{}\n").unwrap();
        let error = copies.read().unwrap_err().to_string();
        assert!(error.starts_with("line 2 is no copy"), "{error}");
    }
}
