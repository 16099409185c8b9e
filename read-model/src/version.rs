//! Versions of a projection: rows of one fold, of which several may stand side by side.
//!
//! ```text
//!  begin_version ──▶ building ── swap ──▶ live ── swap with another ──▶ retired ── drop_version ──▶ gone
//!                                          ▲                              │
//!                                          └────────────── swap ──────────┘
//! ```

use crate::ProjectionId;

/// A version number for each projection: 1, which each projection has from the beginning, unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Versions([u32; ProjectionId::ALL.len()]);

impl Default for Versions {
    fn default() -> Self {
        Self([1; ProjectionId::ALL.len()])
    }
}

impl Versions {
    /// The version of `projection`.
    pub const fn get(&self, projection: ProjectionId) -> u32 {
        self.0[projection as usize]
    }

    /// Makes `version` that of `projection`.
    pub const fn set(&mut self, projection: ProjectionId, version: u32) {
        self.0[projection as usize] = version;
    }

    /// The same with `version` for `projection`.
    #[must_use]
    pub const fn with(mut self, projection: ProjectionId, version: u32) -> Self {
        self.set(projection, version);
        self
    }

    /// The live ones among `versions`.
    pub fn live(versions: &[Version]) -> Self {
        let live = versions.iter().filter(|v| v.state == VersionState::Live);
        live.fold(Self::default(), |live, v| {
            live.with(v.projection, v.version)
        })
    }

    /// Name and version of every projection.
    pub(crate) fn named(&self) -> [(&'static str, u32); ProjectionId::ALL.len()] {
        ProjectionId::ALL.map(|projection| (projection.name(), self.get(projection)))
    }
}

/// A version of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Whose.
    pub projection: ProjectionId,
    /// Its number, from 1; never used again for another.
    pub version: u32,
    /// The fold that makes its rows, as [`ProjectionId::fold`] was when it was begun.
    pub fold: u32,
    /// Who sees it.
    pub state: VersionState,
}

/// What a version is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionState {
    /// To become live once it has caught up.
    Building,
    /// Readers see it. Each projection has exactly one such version.
    Live,
    /// It was live, and is kept to go back to.
    Retired,
}

impl VersionState {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Building, Self::Live, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}
