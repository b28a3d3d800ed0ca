//! Every address of the shop.

use actix_web::web::ServiceConfig;
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, guard, web};

use crate::interfaces::web::{
    assets, cart, catalog, checkout, code_form, downloads, error_page, feed, lists, orders,
    receipt, repeat_order, siege, waiting,
};

/// Every address of the shop.
pub fn addresses(config: &mut ServiceConfig) {
    config
        .service(only_get("/", catalog::show_window))
        .service(only_get("/product", lists::show_all))
        .service(only_get("/product/{slug}", catalog::show_product))
        .service(only_get("/category/{name:.*}", lists::show_category))
        .service(only_get("/search", lists::search))
        .service(only_get("/feed.xml", feed::show))
        .service(only_get("/picture/{file}", assets::show_picture))
        .service(get_and_post("/cart", cart::show, cart::add))
        .service(only_post("/cart/change", cart::change))
        .service(only_post("/currency", cart::choose_currency))
        .service(get_and_post("/checkout", checkout::show, checkout::submit))
        .service(only_post("/checkout/edit", checkout::edit))
        .service(only_post("/checkout/place", checkout::place))
        .service(only_get("/checkout/challenge.png", siege::show_picture))
        .service(get_and_post("/checkout/wait", waiting::show, waiting::start))
        .service(get_and_post("/order", orders::show, code_form::open))
        .service(only_post("/order/noted", orders::mark_code_saved))
        .service(only_post("/order/transaction", orders::report))
        .service(only_post("/order/message", orders::ask))
        .service(only_post("/order/again", repeat_order::fill_cart))
        .service(only_post("/order/erase", orders::erase))
        .service(only_post("/order/close", orders::close))
        .service(only_get("/order/qr.png", orders::show_link_qr))
        .service(only_get("/order/address.png", orders::show_address_qr))
        .service(only_get("/order/receipt.txt", receipt::show_receipt))
        .service(only_get("/order/download/{position}", downloads::download))
        .service(only_get("/policy", assets::show_page))
        .service(only_get("/page/{slug}", assets::show_page))
        .service(only_get("/pgp.txt", assets::show_key))
        .service(only_get("/mirrors.txt", assets::show_mirrors))
        .service(only_get("/static/{file}", assets::show_icon))
        .service(only_get("/health", assets::show_health))
        .default_service(web::to(error_page::unknown_address));
}

fn only_get<F, A>(path: &str, show: F) -> Resource
where
    F: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
{
    resource(path, "GET, HEAD").route(get_or_head().to(show))
}

fn only_post<F, A>(path: &str, submit: F) -> Resource
where
    F: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
{
    resource(path, "POST").route(web::post().to(submit))
}

fn get_and_post<F, A, G, B>(path: &str, show: F, submit: G) -> Resource
where
    F: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
    G: Handler<B, Output: Responder + 'static>,
    B: FromRequest + 'static,
{
    resource(path, "GET, HEAD, POST").route(get_or_head().to(show)).route(web::post().to(submit))
}

/// A HEAD is a GET whose body the server omits.
fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn resource(path: &str, allowed: &'static str) -> Resource {
    let refuse = move |request: HttpRequest| async move {
        error_page::wrong_method(&request, allowed).await
    };
    web::resource(path).default_service(web::to(refuse))
}
