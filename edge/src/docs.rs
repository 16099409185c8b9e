//! `/openapi.json` and `/docs`: the description of the API and a page to read it, which loads nothing from elsewhere.

use axum::{
    Router,
    extract::{OriginalUri, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, OpenApi, Ref, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    layers::{method_not_allowed, no_such_route},
    problem::ProblemBody,
};

/// The page's own scripts and styles, nothing else.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

/// Says what `security(("bearer" = []))` on a call means.
pub fn with_bearer(mut openapi: OpenApi) -> OpenApi {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    openapi
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    openapi
}

/// Says of each call that its caller may have sent too many.
pub fn with_limits(mut openapi: OpenApi) -> OpenApi {
    if openapi.paths.paths.is_empty() {
        return openapi;
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name())));
    let mut response = ResponseBuilder::new()
        .description("Too many calls by this address or customer.")
        .content("application/problem+json", content.build());
    for (name, description) in [
        ("Retry-After", "Seconds until one more is answered"),
        (
            "RateLimit",
            "By limit: calls left, and the seconds until all are back (`\"commands\";r=0;t=3`)",
        ),
        (
            "RateLimit-Policy",
            "By limit: the quota and its window in seconds (`\"commands\";q=600;w=60`)",
        ),
    ] {
        let header = HeaderBuilder::new().description(Some(description));
        response = response.header(name, header.build());
    }
    let name = "TooManyRequests";
    let components = openapi.components.get_or_insert_default();
    let described = &mut components.responses;
    described.insert(name.to_owned(), response.into());
    for path in openapi.paths.paths.values_mut() {
        let calls = [
            &mut path.get,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ];
        for call in calls.into_iter().flatten() {
            let answer = Ref::from_response_name(name).into();
            call.responses.responses.insert("429".to_owned(), answer);
        }
    }
    openapi
}

/// Serves the description and the page.
pub fn router(openapi: OpenApi) -> Router {
    Router::from(SwaggerUi::new("/docs").url("/openapi.json", openapi))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(name_what_is_missing))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            PAGE_POLICY,
        ))
}

/// The page answers for a file that it does not have with an empty 404.
async fn name_what_is_missing(uri: OriginalUri, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return no_such_route(uri).await.into_response();
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;
    use utoipa::openapi::{Info, Paths};

    use super::*;

    async fn get(path: &str) -> String {
        let openapi = OpenApi::new(Info::new("Frontrow", "1"), Paths::new());
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(openapi).oneshot(request).await.unwrap();
        assert!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        assert!(get("/openapi.json").await.contains("\"openapi\":\"3.1.0\""));
        for path in ["/docs/", "/docs/swagger-initializer.js"] {
            let page = get(path).await;
            assert!(!page.contains("src=\"http"), "{path}");
            assert!(!page.contains("href=\"http"), "{path}");
            assert!(!page.contains("url: \"http"), "{path}");
        }
        assert!(get("/docs/").await.contains("swagger"));
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_a_problem() {
        let openapi = OpenApi::new(Info::new("Frontrow", "1"), Paths::new());
        let request = Request::get("/docs/nope").body(Body::empty()).unwrap();
        let response = router(openapi).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
