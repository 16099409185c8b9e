//! Where the benchmark writes, and what a flush costs there.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use uuid::Uuid;

/// Flushes that are timed.
const FLUSHES: usize = 300;

/// A folder beside the build's output, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// A path for a new log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join(Uuid::now_v7().to_string()).with_extension("db")
    }

    /// Panics where a flush costs nothing because nothing is written to a disk.
    pub(crate) fn refuse_memory(&self) {
        let Ok(mounts) = fs::read_to_string("/proc/mounts") else {
            return;
        };
        let mounts = mounts.lines().filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        });
        let here = mounts
            .filter(|(point, _)| self.0.starts_with(point))
            .max_by_key(|(point, _)| point.len());
        if let Some((point, kind @ ("tmpfs" | "ramfs" | "devtmpfs"))) = here {
            panic!("{point} is a {kind}: set CARGO_TARGET_DIR to a folder on a disk");
        }
    }

    /// Median time of a flush after 8 KiB were written, in microseconds.
    pub(crate) fn fdatasync_micros(&self) -> f64 {
        let mut file = File::create(self.0.join("flush")).unwrap();
        let block = [7_u8; 8_192];
        let mut times: Vec<f64> = (0..FLUSHES)
            .map(|i| {
                file.seek(SeekFrom::Start(i as u64 % 64 * 8_192)).unwrap();
                file.write_all(&block).unwrap();
                let begun = Instant::now();
                file.sync_data().unwrap();
                begun.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[FLUSHES / 2]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
