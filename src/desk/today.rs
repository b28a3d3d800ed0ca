use crate::desk::page::DeskError;
use crate::desk::page::DeskFrame;
use crate::desk::page::page;
use crate::desk::session::Seller;
use crate::desk::state::Desk;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::ServiceConfig;
use askama::Template;

pub fn addresses(config: &mut ServiceConfig) {
    config.route("/", web::get().to(show));
}

#[derive(Template)]
#[template(path = "desk/today.html")]
struct TodayPage<'a> {
    frame: DeskFrame<'a>,
}

async fn show(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    page(StatusCode::OK, &TodayPage { frame: DeskFrame::new(&desk, &seller, "/") })
}
