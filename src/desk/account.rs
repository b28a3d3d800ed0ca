use actix_web::web::ServiceConfig;

pub fn addresses(_config: &mut ServiceConfig) {}
