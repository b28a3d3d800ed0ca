//! Admits requests, or refuses them with a small page.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{ConnectionType, Method, StatusCode, header};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use crate::interfaces::http::circuit_usage::Decision;
use crate::interfaces::http::connection_limiter::{
    Connection, ConnectionState, NoMemory, Permit, QueueTimeout, UNCOUNTED,
};
use crate::interfaces::http::form::announced_length;
use crate::interfaces::http::rate_limit::RequestClass;

/// How long a refusal is delayed, so that a client that floods does not get answers faster than one that waits its
/// permit.
const HOLD: Duration = Duration::from_secs(1);
/// Units: seconds. The `Retry-After` when the whole shop is busy.
const BUSY_RETRY: u64 = 10;

/// Small, the same for everybody and without a cookie: a refusal must cost less than an answer.
const TOO_MUCH: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Too many requests</title>\n</head>\n<body>\n\
    <h1>Too many requests</h1>\n<p>You sent more requests than the shop accepts from one visitor. Nothing was changed. \
    Wait a few seconds and reload the page. If you filled in a form, go back: your browser still has your entries.</p>\n</body>\n</html>\n";
pub const BUSY: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>The shop is busy</title>\n</head>\n<body>\n\
    <h1>The shop is busy</h1>\n<p>Too many visitors right now. Nothing was changed. Wait a few seconds and reload the page. \
    If you filled in a form, go back: your browser still has your entries.</p>\n</body>\n</html>\n";

/// Admits a request when its circuit's limits allow it, so that one circuit with many requests does not starve the
/// others. Returns its permit, which lasts as long as the request. `None`: a form, or limits do not apply.
///
/// # Errors
/// The response for a request that is refused.
pub async fn admit(request: &HttpRequest) -> Result<Option<Permit>, HttpResponse> {
    let Some(connection) = connection_of(request) else { return Ok(None) };
    // Neither changes while the connection lasts: the client must retry on a new one.
    if connection.has_no_room {
        return Err(last_refusal(StatusCode::SERVICE_UNAVAILABLE));
    }
    if connection.is_crowded() {
        return Err(last_refusal(StatusCode::TOO_MANY_REQUESTS));
    }
    let class = RequestClass::of(request.method(), request.path());
    // Boxed: rarely needed, and it would enlarge the future of every other request.
    match connection.check_rate(class) {
        Decision::Admit => {}
        decision => Box::pin(wait_or_refuse(connection, decision)).await?,
    }
    // A form waits for its permit after it has arrived: see `acquire_permit_for_form`.
    if request.method() == Method::POST {
        return Ok(None);
    }
    let permit = match connection.try_acquire_permit(class) {
        Some(permit) => permit,
        None => Box::pin(connection.acquire_permit(class)).await.map_err(|_| busy())?,
    };
    Ok(Some(permit))
}

async fn wait_or_refuse(connection: &Connection, decision: Decision) -> Result<(), HttpResponse> {
    match decision {
        Decision::Admit => Ok(()),
        Decision::Wait(time) => {
            let _counted = OnDrop(connection, Connection::end_wait);
            connection.wait(time).await;
            Ok(())
        }
        Decision::Refused { retry_after, is_delayed, .. } => {
            if is_delayed {
                let _counted = OnDrop(connection, Connection::end_delay);
                connection.wait(HOLD).await;
            }
            Err(refusal(StatusCode::TOO_MANY_REQUESTS, retry_after))
        }
    }
}

/// Calls the function when the request has waited, or its client has left.
struct OnDrop<'a>(&'a Connection, fn(&Connection));

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        (self.1)(self.0);
    }
}

/// The connection on which a request came.
pub fn connection_of(request: &HttpRequest) -> Option<&Arc<Connection>> {
    request.conn_data::<Arc<Connection>>()
}

/// Starts to receive the body of a form. Until this is called, the body stays in the kernel's buffer.
///
/// # Errors
/// `NoMemory` if there is no memory for the announced length.
pub async fn accept_body(request: &HttpRequest) -> Result<(), NoMemory> {
    let Some(connection) = connection_of(request) else { return Ok(()) };
    let length = announced_length(request);
    if UNCOUNTED < length {
        // Twice: the raw body, and the parsed fields.
        connection.reserve_memory_soon(2 * length).await?;
    }
    connection.begin_body();
    Ok(())
}

/// The same, for a body whose memory is counted elsewhere.
pub fn accept_counted_body(request: &HttpRequest) {
    if let Some(connection) = connection_of(request) {
        connection.begin_body();
    }
}

/// Marks a form as being received: a client that sends it slowly occupies no permit.
pub fn begin_to_read(request: &HttpRequest) {
    if let Some(connection) = connection_of(request) {
        connection.set_state(ConnectionState::Body);
    }
}

/// Waits for the permit of a form that has arrived; the permit lasts as long as the request.
///
/// # Errors
/// `QueueTimeout` if it would take too long.
pub async fn acquire_permit_for_form(request: &HttpRequest) -> Result<(), QueueTimeout> {
    let Some(connection) = connection_of(request) else { return Ok(()) };
    connection.set_state(ConnectionState::Working);
    let class = RequestClass::of(request.method(), request.path());
    let permit = connection.acquire_permit(class).await?;
    request.extensions_mut().insert::<Permit>(permit);
    Ok(())
}

/// The response to a request that got no permit in time.
pub fn busy() -> HttpResponse {
    refusal(StatusCode::SERVICE_UNAVAILABLE, BUSY_RETRY)
}

fn last_refusal(status: StatusCode) -> HttpResponse {
    let mut refused = refusal(status, BUSY_RETRY);
    refused.head_mut().set_connection_type(ConnectionType::Close);
    refused
}

pub fn refusal(status: StatusCode, retry_after: u64) -> HttpResponse {
    let page = if status == StatusCode::TOO_MANY_REQUESTS { TOO_MUCH } else { BUSY };
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::RETRY_AFTER, retry_after))
        .body(page)
}
