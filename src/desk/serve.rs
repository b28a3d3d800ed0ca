use crate::desk::addresses;
use crate::desk::page::trouble_page;
use crate::desk::state::Desk;
use crate::web::put_into;
use crate::web::serve::Door;
use actix_web::App;
use actix_web::Error;
use actix_web::HttpServer;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use std::io;
use std::time::Duration;

/// Over Tor a round trip alone takes half a second, and a circuit may stall.
const HEAD_TIME: Duration = Duration::from_secs(15);
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Units: seconds for what is under way when the shop closes.
const CLOSING_SECONDS: u64 = 10;
/// Units: connections. One seller needs few.
const MOST_CONNECTIONS: usize = 64;

/// Serves the seller until `told`.
///
/// # Errors
/// What the system says of the door.
pub async fn serve(
    desk: Data<Desk>,
    door: Door,
    told: impl Future<Output = ()> + 'static,
) -> io::Result<()> {
    let server = HttpServer::new(move || {
        App::new().app_data(desk.clone()).wrap(from_fn(add_headers)).configure(addresses)
    })
    .workers(1)
    .max_connections(MOST_CONNECTIONS)
    .client_request_timeout(HEAD_TIME)
    .keep_alive(IDLE_TIME)
    .shutdown_timeout(CLOSING_SECONDS)
    .disable_signals();
    let server = match door {
        Door::Tcp(listener) => server.listen(listener)?,
        Door::Unix(listener) => server.listen_uds(listener)?,
    }
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        told.await;
        handle.stop(true).await;
    });
    server.await
}

/// The same headers as at the buyers' door, on every answer.
async fn add_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let is_bare = response.status().is_client_error()
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if is_bare {
        let status = response.status();
        let words = "Please use the links and forms of the desk.";
        let page = trouble_page(status, "This could not be answered", words);
        response = ServiceResponse::new(response.request().clone(), page);
    }
    put_into(response.headers_mut());
    Ok(response)
}
