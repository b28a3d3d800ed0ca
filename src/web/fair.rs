use crate::web::account::Verdict;
use crate::web::budget::Errand;
use crate::web::lobby::Seat;
use crate::web::lobby::Stage;
use crate::web::lobby::Turn;
use crate::web::page::PageError;
use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use std::sync::Arc;
use std::time::Duration;

/// How long a refused request waits for its refusal: who floods is not answered faster than who asks.
const HOLD: Duration = Duration::from_secs(1);
/// Units: seconds after which to try again where the whole shop is busy.
const BUSY_RETRY: u64 = 10;

/// Small, the same for everybody, without a cookie: to refuse costs less than to answer.
const TOO_MUCH: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Too much at once</title>\n</head>\n<body>\n\
    <h1>Too much at once</h1>\n<p>More was asked from here than the shop answers to one visitor, so that others are served too. Nothing was changed. \
    Please wait a few seconds and load the page again. If you had filled in a form, go back: your browser still has your words.</p>\n</body>\n</html>\n";
const BUSY: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>The shop is full</title>\n</head>\n<body>\n\
    <h1>The shop is full</h1>\n<p>Too many visitors ask at once. Nothing was changed. Please wait a few seconds and load the page again. \
    If you had filled in a form, go back: your browser still has your words.</p>\n</body>\n</html>\n";

/// Lets each request wait for its turn, so that one circuit that asks for much leaves others served.
pub async fn be_fair(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(seat) = request.conn_data::<Arc<Seat>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    // Until this is dropped, the connection is at work.
    let _work = Work::begin(&seat);
    // Neither changes while the connection lasts: the next try shall come on another.
    if seat.has_no_room() {
        return Ok(request.into_response(last_refusal(StatusCode::SERVICE_UNAVAILABLE)));
    }
    if seat.is_crowded() {
        return Ok(request.into_response(last_refusal(StatusCode::TOO_MANY_REQUESTS)));
    }
    let errand = Errand::of(request.method(), request.path());
    match seat.ask(errand) {
        Verdict::Go => {}
        Verdict::Wait(time) => {
            let _counted = Waiting(&seat);
            seat.wait(time).await;
        }
        Verdict::Refused { retry_after, is_held, .. } => {
            if is_held {
                let _counted = Held(&seat);
                seat.wait(HOLD).await;
            }
            return Ok(request.into_response(refusal(StatusCode::TOO_MANY_REQUESTS, retry_after)));
        }
    }
    // A form waits for its turn when it has arrived: see `read_turn`.
    let turn = if request.method() == Method::POST { None } else { Some(seat.turn(errand).await) };
    if let Some(Err(_)) = turn {
        return Ok(request.into_response(busy()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// The connection that a request came on.
pub fn seat_of(request: &HttpRequest) -> Option<&Arc<Seat>> {
    request.conn_data::<Arc<Seat>>()
}

/// Says that a form is being read: whoever sends one slowly takes nobody's turn.
pub fn begin_to_read(request: &HttpRequest) {
    if let Some(seat) = seat_of(request) {
        seat.turn_to(Stage::Body);
    }
}

/// Waits for the turn of a form that has arrived; the turn lasts as long as the request.
///
/// # Errors
/// [`PageError::Busy`] where it would take too long.
pub async fn take_turn(request: &HttpRequest) -> Result<(), PageError> {
    let Some(seat) = seat_of(request) else { return Ok(()) };
    seat.turn_to(Stage::Working);
    let errand = Errand::of(request.method(), request.path());
    let turn = seat.turn(errand).await.map_err(|_| PageError::Busy)?;
    request.extensions_mut().insert::<Turn>(turn);
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

struct Work<'a>(&'a Seat);

impl<'a> Work<'a> {
    fn begin(seat: &'a Seat) -> Self {
        seat.turn_to(Stage::Working);
        Self(seat)
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.0.turn_to(Stage::Idle);
    }
}

struct Waiting<'a>(&'a Seat);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.has_waited();
    }
}

struct Held<'a>(&'a Seat);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.was_held();
    }
}
