//! What the security log is told: who signed in, who failed to, who was refused. Seen as answers go out; what is told is never waited for.

use std::{fmt, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use crate::{
    auth::{self, Role, Verifier},
    problem::ProblemCode,
};

/// Refusals that are told, by code. A call without a token is none: browsers make many.
const REFUSALS: [&str; 5] = [
    "forbidden",
    "invalid_token",
    "token_expired",
    "invalid_credentials",
    "invalid_refresh_token",
];

/// What a handler says of its own answer, as an extension of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What happened: `signed_in`, ...
    pub kind: &'static str,
    /// Whose id or keyed digest; never a name or an address.
    pub subject: String,
}

impl Note {
    /// A note about `subject`.
    pub fn new(kind: &'static str, subject: impl fmt::Display) -> Self {
        Self {
            kind,
            subject: subject.to_string(),
        }
    }
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened: a handler's note, or the code of a refusal.
    pub kind: &'static str,
    /// Whose id or keyed digest; empty where nobody is known.
    pub subject: String,
    /// The role that the token showed.
    pub role: Option<Role>,
    /// Method and path, its ids left out.
    pub target: String,
}

/// Where it is told.
#[derive(Clone)]
pub struct Ear {
    verifier: Arc<Verifier>,
    tell: Arc<dyn Fn(Told) + Send + Sync>,
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear(..)")
    }
}

impl Ear {
    /// Tells `tell`, which must not wait.
    pub fn new(verifier: Arc<Verifier>, tell: impl Fn(Told) + Send + Sync + 'static) -> Self {
        Self {
            verifier,
            tell: Arc::new(tell),
        }
    }
}

/// The layer; `None` tells nobody.
pub(crate) async fn listen(
    State(ear): State<Option<Ear>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(ear) = ear else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    // Looked at once: whoever asks later is answered from this.
    let known = auth::authenticate(&ear.verifier, &mut request).ok();
    let response = next.run(request).await;
    let note = response.extensions().get::<Note>();
    let code = response.extensions().get::<ProblemCode>();
    let refusal = code
        .map(|code| code.0)
        .filter(|code| REFUSALS.contains(code));
    let Some(kind) = note.map(|note| note.kind).or(refusal) else {
        return response;
    };
    let subject = match (note, known) {
        (Some(note), _) => note.subject.clone(),
        (None, Some(known)) => known.principal.id.to_string(),
        (None, None) => String::new(),
    };
    (ear.tell)(Told {
        kind,
        subject,
        role: known.map(|known| known.principal.role),
        target: format!("{method} {}", path.as_ref().map_or("", MatchedPath::as_str)),
    });
    response
}
