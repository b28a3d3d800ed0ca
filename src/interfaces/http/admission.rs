//! Admits requests, or refuses them with a small page.

use crate::interfaces::http::circuit_usage::Decision;
use crate::interfaces::http::connection_limiter::Connection;
use crate::interfaces::http::connection_limiter::ConnectionState;
use crate::interfaces::http::connection_limiter::NoMemory;
use crate::interfaces::http::connection_limiter::Permit;
use crate::interfaces::http::connection_limiter::QueueTimeout;
use crate::interfaces::http::connection_limiter::UNCOUNTED;
use crate::interfaces::http::form::announced_length;
use crate::interfaces::http::rate_limit::RequestClass;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::ConnectionType;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use std::sync::Arc;
use std::time::Duration;

/// How long a refused request waits for its refusal: who floods is not answered faster than who asks.
const HOLD: Duration = Duration::from_secs(1);
/// Units: seconds after which to try again where the whole shop is busy.
const BUSY_RETRY: u64 = 10;

/// Small, the same for everybody, without a cookie: to refuse costs less than to answer.
const TOO_MUCH: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Too many requests</title>\n</head>\n<body>\n\
    <h1>Too many requests</h1>\n<p>You sent more requests than the shop accepts from one visitor. Nothing was changed. \
    Wait a few seconds and reload the page. If you filled in a form, go back: your browser still has your entries.</p>\n</body>\n</html>\n";
pub const BUSY: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>The shop is busy</title>\n</head>\n<body>\n\
    <h1>The shop is busy</h1>\n<p>Too many visitors right now. Nothing was changed. Wait a few seconds and reload the page. \
    If you filled in a form, go back: your browser still has your entries.</p>\n</body>\n</html>\n";

/// Lets a request in when it is its turn, so that one circuit that asks for much leaves others served.
///
/// # Errors
/// The answer to a request that is not let in.
pub async fn admit(request: &HttpRequest) -> Result<Option<Admission>, HttpResponse> {
    let Some(connection) = connection_of(request).cloned() else { return Ok(None) };
    let mut pass = Admission { connection, turn: None };
    // Neither changes while the connection lasts: the next try shall come on another.
    if pass.connection.has_no_room() {
        return Err(last_refusal(StatusCode::SERVICE_UNAVAILABLE));
    }
    if pass.connection.is_crowded() {
        return Err(last_refusal(StatusCode::TOO_MANY_REQUESTS));
    }
    let class = RequestClass::of(request.method(), request.path());
    // What is seldom needed lies in a box of its own, and burdens no other request.
    match pass.connection.ask(class) {
        Decision::Go => {}
        verdict => Box::pin(wait_or_refuse(&pass.connection, verdict)).await?,
    }
    // A form waits for its turn when it has arrived: see `take_turn`.
    if request.method() != Method::POST {
        pass.turn = match pass.connection.turn_at_once(class) {
            Some(turn) => Some(turn),
            None => Some(Box::pin(pass.connection.turn(class)).await.map_err(|_| busy())?),
        };
    }
    Ok(Some(pass))
}

async fn wait_or_refuse(connection: &Connection, verdict: Decision) -> Result<(), HttpResponse> {
    match verdict {
        Decision::Go => Ok(()),
        Decision::Wait(time) => {
            let _counted = Waiting(connection);
            connection.wait(time).await;
            Ok(())
        }
        Decision::Refused { retry_after, is_held, .. } => {
            if is_held {
                let _counted = Held(connection);
                connection.wait(HOLD).await;
            }
            Err(refusal(StatusCode::TOO_MANY_REQUESTS, retry_after))
        }
    }
}

/// The connection that a request came on.
pub fn connection_of(request: &HttpRequest) -> Option<&Arc<Connection>> {
    request.conn_data::<Arc<Connection>>()
}

/// Lets the body of a form come. Until this is called, it stays with the system.
///
/// # Errors
/// `NoMemory` where there is no room for what the browser says it will send.
pub async fn accept_body(request: &HttpRequest) -> Result<(), NoMemory> {
    let Some(connection) = connection_of(request) else { return Ok(()) };
    let length = announced_length(request);
    if UNCOUNTED < length {
        // What has arrived, and the same as fields.
        connection.hold_soon(2 * length).await?;
    }
    connection.begin_body();
    Ok(())
}

/// The same for a body whose memory is counted elsewhere.
pub fn accept_counted_body(request: &HttpRequest) {
    if let Some(connection) = connection_of(request) {
        connection.begin_body();
    }
}

/// Says that a form is being read: whoever sends one slowly takes nobody's turn.
pub fn begin_to_read(request: &HttpRequest) {
    if let Some(connection) = connection_of(request) {
        connection.set_state(ConnectionState::Body);
    }
}

/// Waits for the turn of a form that has arrived; the turn lasts as long as the request.
///
/// # Errors
/// [`QueueTimeout`] where it would take too long.
pub async fn take_turn(request: &HttpRequest) -> Result<(), QueueTimeout> {
    let Some(connection) = connection_of(request) else { return Ok(()) };
    connection.set_state(ConnectionState::Working);
    let class = RequestClass::of(request.method(), request.path());
    let turn = connection.turn(class).await?;
    request.extensions_mut().insert::<Permit>(turn);
    Ok(())
}

/// For a turn that did not come in time.
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

/// A request that was let in, with its turn.
pub struct Admission {
    connection: Arc<Connection>,
    turn: Option<Permit>,
}

struct Waiting<'a>(&'a Connection);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.has_waited();
    }
}

struct Held<'a>(&'a Connection);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.was_held();
    }
}
