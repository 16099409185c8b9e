//! The description of everything under the one port.

use utoipa::openapi::{Info, License, OpenApi, OpenApiBuilder};

/// Both APIs in one document.
pub fn openapi() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let mut info = Info::new("Frontrow", "1");
    info.description = Some("Sells scarce seats to enormous crowds.".to_owned());
    info.license = Some(license);
    let mut document = OpenApiBuilder::new().info(info).build();
    document.merge(command_api::openapi());
    document.merge(query_api::openapi());
    document
}
