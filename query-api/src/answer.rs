//! The form of an answer: JSON, and the position that it shows.

use axum::{
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use edge::Json;
use read_model::At;
use serde::Serialize;

use crate::{error::Error, freshness::POSITION};

/// A value and the position that it shows.
#[derive(Debug)]
pub(crate) struct Answer<T>(pub(crate) At<T>);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let At { position, value } = self.0;
        let mut response = Json(value).into_response();
        response
            .headers_mut()
            .insert(POSITION, HeaderValue::from(position));
        response
    }
}

/// An object that must exist.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn found<T>(at: At<Option<T>>, what: &'static str) -> Result<At<T>, Error> {
    let At { position, value } = at;
    match value {
        Some(value) => Ok(At { position, value }),
        None => Err(Error::NotFound(what)),
    }
}
