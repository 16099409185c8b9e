//! Ready-made bytes of a live map, built once a version however many ask.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use read_model::SeatMap;
use tokio::{
    sync::{Mutex, OnceCell},
    task::spawn_blocking,
    time::Instant,
};

use super::{
    Known, SeatMapCache,
    encoding::{Encoding, compress, has_version, tag},
    json::{SeatFilter, SeatStatuses, seats_json},
};
use crate::{
    error::Error,
    freshness::{AtLeast, POSITION},
    metrics::RENDERINGS,
};

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The small one, for polling.
    Status,
    /// Every seat.
    Seats,
}

impl Kind {
    /// How long a rendering may serve those who demand nothing newer, while the map goes on changing. The small answer costs
    /// microseconds to make and a fraction of a millisecond to compress; the full one some 10 ms each at 15,000 seats.
    const fn lifetime(self) -> Duration {
        match self {
            Self::Status => Duration::from_millis(20),
            Self::Seats => Duration::from_millis(250),
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Seats => "seats",
        }
    }

    fn render(self, map: &SeatMap) -> Vec<u8> {
        match self {
            Self::Status => {
                serde_json::to_vec(&SeatStatuses::new(map)).expect("these types have string keys")
            }
            Self::Seats => seats_json(map, &SeatFilter::default()),
        }
    }
}

/// The newest rendering of one answer.
#[derive(Debug)]
pub(crate) struct Rendition {
    kind: Kind,
    newest: ArcSwapOption<Rendered>,
    building: Mutex<()>,
}

/// One version, as bytes.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// Position of the map's last change in it.
    version: u64,
    /// Position up to which it was known to show the log when it was made.
    known: u64,
    made: Instant,
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
    tags: [OnceLock<HeaderValue>; 3],
}

/// What to answer with.
#[derive(Debug)]
pub(crate) enum Served {
    /// The client has it: 304.
    Unchanged {
        /// Its tag.
        tag: HeaderValue,
        /// Position that it shows.
        position: u64,
    },
    /// The bytes.
    Bytes {
        /// Their tag.
        tag: HeaderValue,
        /// Position that they show.
        position: u64,
        /// Their form.
        encoding: Encoding,
        /// They.
        bytes: Bytes,
    },
}

impl Rendition {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            newest: ArcSwapOption::empty(),
            building: Mutex::new(()),
        }
    }

    /// A rendering that shows at least what is asked for, and the position that it shows.
    async fn get(
        &self,
        cache: &SeatMapCache,
        known: &Known,
        at_least: AtLeast,
    ) -> Result<(Arc<Rendered>, u64), Error> {
        if let Some(found) = self.usable(known, at_least) {
            return Ok(found);
        }
        let _turn = self.building.lock().await;
        // Another may have built it meanwhile; and the map may have gone on.
        let known = cache.known(known.live.clone());
        if let Some(found) = self.usable(&known, at_least) {
            return Ok(found);
        }
        let (kind, map) = (self.kind, known.live.map());
        let version = map.position();
        let plain = match kind {
            Kind::Status => kind.render(&map),
            Kind::Seats => blocking(move || kind.render(&map)).await?,
        };
        metrics::counter!(RENDERINGS, "answer" => kind.label()).increment(1);
        let rendered = Arc::new(Rendered {
            version,
            known: known.position,
            made: Instant::now(),
            plain: plain.into(),
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
            tags: Default::default(),
        });
        self.newest.store(Some(rendered.clone()));
        Ok((rendered, known.position))
    }

    fn usable(&self, known: &Known, at_least: AtLeast) -> Option<(Arc<Rendered>, u64)> {
        let rendered = self.newest.load_full()?;
        if rendered.version == known.live.position() {
            return Some((rendered, known.position));
        }
        let young = rendered.made.elapsed() < self.kind.lifetime();
        let known = rendered.known;
        (young && known >= at_least.0).then_some((rendered, known))
    }
}

impl Rendered {
    async fn bytes(&self, kind: Kind, encoding: Encoding) -> Result<Bytes, Error> {
        let cell = match encoding {
            Encoding::Identity => return Ok(self.plain.clone()),
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        };
        let make = || async {
            let plain = self.plain.clone();
            match kind {
                Kind::Status => compress(&plain, encoding),
                Kind::Seats => blocking(move || compress(&plain, encoding)).await?,
            }
        };
        cell.get_or_try_init(make).await.cloned()
    }

    fn tag(&self, encoding: Encoding) -> HeaderValue {
        let cell = &self.tags[encoding as usize];
        cell.get_or_init(|| tag(self.version, encoding)).clone()
    }
}

impl SeatMapCache {
    /// The small answer about a map, as the request's headers want it.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub(crate) async fn status(
        &self,
        known: &Known,
        at_least: AtLeast,
        headers: &HeaderMap,
    ) -> Result<Served, Error> {
        self.serve(&known.live.status, known, at_least, headers)
            .await
    }

    /// The full answer about a map, as the request's headers want it.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub(crate) async fn seats(
        &self,
        known: &Known,
        at_least: AtLeast,
        headers: &HeaderMap,
    ) -> Result<Served, Error> {
        self.serve(&known.live.seats, known, at_least, headers)
            .await
    }

    /// The seats of a map that pass a filter: made for this one request.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub(crate) async fn filtered(
        &self,
        known: &Known,
        filter: SeatFilter,
        headers: &HeaderMap,
    ) -> Result<Served, Error> {
        let encoding = Encoding::negotiate(headers);
        let _turn = self
            .filtering
            .acquire()
            .await
            .expect("nobody closes this semaphore");
        let (map, position) = (known.live.map(), known.position);
        let tag = tag(map.position(), encoding);
        if has_version(headers, map.position()) {
            return Ok(Served::Unchanged { tag, position });
        }
        let bytes =
            blocking(move || compress(&seats_json(&map, &filter).into(), encoding)).await??;
        Ok(Served::Bytes {
            tag,
            position,
            encoding,
            bytes,
        })
    }

    async fn serve(
        &self,
        rendition: &Rendition,
        known: &Known,
        at_least: AtLeast,
        headers: &HeaderMap,
    ) -> Result<Served, Error> {
        let encoding = Encoding::negotiate(headers);
        let version = known.live.position();
        if has_version(headers, version) {
            let (tag, position) = (tag(version, encoding), known.position);
            return Ok(Served::Unchanged { tag, position });
        }
        let (rendered, position) = rendition.get(self, known, at_least).await?;
        let tag = rendered.tag(encoding);
        if has_version(headers, rendered.version) {
            return Ok(Served::Unchanged { tag, position });
        }
        let bytes = rendered.bytes(rendition.kind, encoding).await?;
        Ok(Served::Bytes {
            tag,
            position,
            encoding,
            bytes,
        })
    }
}

impl IntoResponse for Served {
    fn into_response(self) -> Response {
        let (mut response, tag, position) = match self {
            Self::Unchanged { tag, position } => {
                (StatusCode::NOT_MODIFIED.into_response(), tag, position)
            }
            Self::Bytes {
                tag,
                position,
                encoding,
                bytes,
            } => {
                let mut response = Response::new(Body::from(bytes));
                let headers = response.headers_mut();
                headers.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
                if let Some(name) = encoding.name() {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
                }
                (response, tag, position)
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, tag);
        headers.insert(POSITION, HeaderValue::from(position));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        // Keep it, but ask before using it again.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .map_err(|error| Error::Render(error.to_string()))
}
