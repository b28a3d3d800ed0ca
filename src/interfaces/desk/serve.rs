//! The desk's listener and what wraps every request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, StatusCode, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{App, Error, HttpMessage, HttpRequest};

use crate::infra::store::N_READERS;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::error_page::{error_page, temporary_error_page};
use crate::interfaces::desk::form::FormInput;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::{addresses, session};
use crate::interfaces::http::hosts::{host_of, is_proxied};
use crate::interfaces::http::{
    ClientKey, Connection, ConnectionLimiter, ConnectionLimits, Listener,
    MAX_CONNECTIONS_OF_CIRCUIT, ServerOptions, connection_of, insert_security_headers, serve_app,
};

/// Units: connections of browsers that have not shown that they are the seller's. Where there are more, the oldest is
/// closed, so that a new one is answered. The seller's own have places beside these, as many as one circuit has at the
/// buyers' listener.
const MAX_STRANGERS: usize = 96;
/// The memory for requests and responses of the desk. Units: bytes.
const REQUEST_MEMORY: usize = 16 * 1024 * 1024;

/// Serves the seller until `shutdown` resolves.
///
/// # Errors
/// The system's, for the listener.
pub async fn serve(
    desk: Data<Desk>,
    listener: Listener,
    shutdown: impl Future<Output = ()> + 'static,
) -> io::Result<()> {
    let limiter = ConnectionLimiter::new(ConnectionLimits {
        most_connections: MAX_STRANGERS,
        most_memory: REQUEST_MEMORY,
        most_browsing: N_READERS as usize - 1,
        payment_time: Duration::ZERO,
        siege_payment_time: Duration::ZERO,
        closer: None,
    });
    let options = ServerOptions {
        limiter,
        most_connections: MAX_STRANGERS + MAX_CONNECTIONS_OF_CIRCUIT,
        n_workers: 1,
        default_client: ClientKey::Stranger,
        reads_circuits: false,
    };
    let pages = move || {
        App::new().app_data(desk.clone()).wrap(from_fn(handle_request)).configure(addresses)
    };
    serve_app(pages, options, listener, shutdown).await
}

/// Adds the same headers as the buyers' listener to every response, and refuses host names that are not the desk's.
async fn handle_request(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    recognise_seller(request.request()).await;
    if let Some(refused) = refuse(&request) {
        let mut response = request.into_response(refused);
        insert_security_headers(response.headers_mut());
        return Ok(response);
    }
    // A HEAD is a GET whose body the server leaves out.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<DeskError>());
    if let Some(error) = error.filter(|error| error.is_temporary()) {
        let request = response.request().clone();
        let page = match request.extensions().get::<FormInput>() {
            Some(input) => temporary_error_page(error, &input.0),
            None => temporary_error_page(error, &[]),
        };
        response = ServiceResponse::new(request, page);
    }
    let is_bare = response.status().is_client_error()
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if is_bare {
        let status = response.status();
        let text = "Please use the links and forms of the desk.";
        let page = error_page(status, "Request not supported", text);
        response = ServiceResponse::new(response.request().clone(), page);
    }
    insert_security_headers(response.headers_mut());
    Ok(response)
}

fn refuse(request: &ServiceRequest) -> Option<actix_web::HttpResponse> {
    let desk = request.app_data::<Data<Desk>>()?;
    if is_proxied(request.request()) || desk.hosts.is_foreign(host_of(request.request())) {
        return Some(error_page(
            StatusCode::MISDIRECTED_REQUEST,
            "Wrong address",
            "The desk only answers at its own address, which the shop prints when it starts.",
        ));
    }
    // This does not change while the connection lasts: the client must retry on a new one.
    let is_full = |connection: &Arc<Connection>| {
        connection.has_no_room && connection.client() != ClientKey::Seller
    };
    if connection_of(request.request()).is_some_and(is_full) {
        let text = "Too many requests at once. Please reload the page in a few seconds.";
        let mut full = error_page(StatusCode::SERVICE_UNAVAILABLE, "Please wait", text);
        full.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
        full.head_mut().set_connection_type(ConnectionType::Close);
        return Some(full);
    }
    None
}

/// Counts the connection as the seller's while its requests come from the seller's browser.
async fn recognise_seller(request: &HttpRequest) {
    let Some((connection, desk)) = connection_of(request).zip(request.app_data::<Data<Desk>>())
    else {
        return;
    };
    let is_sellers = session::is_sellers(request, desk).await;
    let client = if is_sellers { ClientKey::Seller } else { ClientKey::Stranger };
    if connection.client() != client {
        connection.set_client(client);
    }
}
