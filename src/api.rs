//! The description of everything under the one port.

use utoipa::openapi::{Info, License, OpenApi, OpenApiBuilder};

use crate::roles::{Role, Roles};

/// All APIs in one document.
pub fn openapi() -> OpenApi {
    describe(true, true, true)
}

/// What a process with these roles serves.
pub fn openapi_of(roles: &Roles) -> OpenApi {
    let has = |role| roles.has(role);
    describe(has(Role::CommandApi), has(Role::QueryApi), has(Role::Audit))
}

fn describe(commands: bool, queries: bool, operations: bool) -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let mut info = Info::new("Frontrow", "1");
    info.description = Some("Sells scarce seats to enormous crowds.".to_owned());
    info.license = Some(license);
    let mut document = OpenApiBuilder::new().info(info).build();
    if commands {
        document.merge(command_api::openapi());
    }
    if queries {
        document.merge(query_api::openapi());
    }
    if operations {
        document.merge(audit::openapi());
    }
    if commands || queries {
        document.merge(edge::schemas::openapi());
    }
    edge::docs::with_limits(document)
}
