//! One request on its connection: at work while it is handled, and in memory until its answer has been sent.

use crate::web::fair::busy;
use crate::web::fair::seat_of;
use crate::web::headers::put_into;
use crate::web::lobby::Seat;
use crate::web::lobby::Stage;
use crate::web::lobby::UNCOUNTED;
use actix_web::Error;
use actix_web::body::BodySize;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

/// Around everything else at each listener: counts the answer's memory, and tells the connection when the answer is
/// complete.
pub async fn track_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(seat) = seat_of(request.request()).cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let scope = RequestScope(seat.clone());
    seat.turn_to(Stage::Working);
    let response = next.call(request).await;
    let response = match response {
        Ok(response) => {
            let response = response.map_into_boxed_body();
            if has_memory(&seat, response.response().body().size()).await {
                response
            } else {
                let mut refused = response.into_response(busy());
                put_into(refused.headers_mut());
                refused
            }
        }
        Err(error) => {
            seat.turn_to(Stage::Idle);
            return Err(error);
        }
    };
    seat.turn_to(Stage::Idle);
    Ok(response.map_body(|_, body| BoxBody::new(TrackedBody { body, _scope: scope })))
}

/// An answer that its client does not take stays in memory until the connection ends.
async fn has_memory(seat: &Seat, size: BodySize) -> bool {
    let BodySize::Sized(size) = size else { return true };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    size <= UNCOUNTED || seat.hold(size).is_ok() || seat.hold_soon(size).await.is_ok()
}

/// Until this is dropped, the connection is given no other request.
struct RequestScope(Arc<Seat>);

impl Drop for RequestScope {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// The server drops a body when all of it waits to be sent.
struct TrackedBody {
    body: BoxBody,
    _scope: RequestScope,
}

impl MessageBody for TrackedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
