//! The output of a command, passed through but for its summary, which is held back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Child,
    sync::mpsc::{Sender, channel},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

/// Lines that may turn out to be the last.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    held: Vec<(Stream, Vec<u8>)>,
}

impl Stream {
    /// Whether a summary may begin with the line: that of the last test binary, or the list of those that failed.
    fn begins_summary(self, line: &[u8]) -> bool {
        match self {
            Self::Output => line.starts_with(b"test result: "),
            Self::Error => line.starts_with(b"error: "),
        }
    }

    fn write(self, line: &[u8]) {
        // Who reads it may have gone away: the exit status still tells.
        let _ = match self {
            Self::Output => std::io::stdout().write_all(line),
            Self::Error => std::io::stderr().write_all(line),
        };
    }
}

impl Summary {
    /// Passes on what the command writes, to its end, but for the summary.
    pub(crate) fn of(command: &mut Child) -> Self {
        let (sender, lines) = channel();
        let output = command.stdout.take();
        let error = command.stderr.take();
        let readers = [
            output.map(|from| read(from, Stream::Output, sender.clone())),
            error.map(|from| read(from, Stream::Error, sender)),
        ];
        let mut summary = Self::default();
        for (stream, line) in lines {
            summary.take(stream, line);
        }
        for reader in readers.into_iter().flatten() {
            let _ = reader.join();
        }
        summary
    }

    fn take(&mut self, stream: Stream, line: Vec<u8>) {
        let last = self.held.iter().any(|(of, _)| *of == stream);
        // An indented line belongs to the error before it.
        let goes_on = last && (line.trim_ascii().is_empty() || line.starts_with(b"    "));
        if !goes_on && last {
            let (through, held) = std::mem::take(&mut self.held)
                .into_iter()
                .partition(|(of, _)| *of == stream);
            self.held = held;
            Self { held: through }.write();
        }
        if goes_on || stream.begins_summary(&line) {
            self.held.push((stream, line));
        } else {
            stream.write(&line);
        }
    }

    /// Writes what was held back, in the order in which it came.
    pub(crate) fn write(self) {
        for (stream, line) in self.held {
            stream.write(&line);
        }
    }
}

fn read(
    from: impl Read + Send + 'static,
    stream: Stream,
    to: Sender<(Stream, Vec<u8>)>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if to.send((stream, std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    })
}
