//! Tracks one request on its connection: busy while it is handled, and counted in memory until its response has been
//! sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Bytes;

use crate::interfaces::http::admission::{busy, connection_of};
use crate::interfaces::http::connection_limiter::{Connection, ConnectionState, UNCOUNTED};
use crate::interfaces::http::insert_security_headers;

/// The outermost middleware of each listener: counts the response's memory, and tells the connection when the response
/// is complete.
pub async fn track_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(connection) = connection_of(request.request()).cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let scope = RequestScope(connection.clone());
    connection.set_state(ConnectionState::Working);
    let response = match next.call(request).await {
        Ok(response) => Ok(within_memory(&connection, response.map_into_boxed_body()).await),
        Err(error) => Err(error),
    };
    connection.set_state(ConnectionState::Idle);
    Ok(response?.map_body(|_, body| BoxBody::new(TrackedBody { body, _scope: scope })))
}

/// The response, or a refusal if there is no memory for it: a response that its client does not read stays in memory
/// until the connection ends.
async fn within_memory(
    connection: &Connection,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let streamed = response.response().extensions().get::<StreamedBody>().map(|body| body.0);
    let size = match (streamed, response.response().body().size()) {
        (Some(in_memory), _) => in_memory,
        (None, BodySize::Sized(size)) => size,
        (None, _) => return response,
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size <= UNCOUNTED
        || connection.reserve_memory(size).is_ok()
        || connection.reserve_memory_soon(size).await.is_ok()
    {
        return response;
    }
    let mut refused = response.into_response(busy());
    insert_security_headers(refused.headers_mut());
    refused
}

/// In the extensions of a response whose body is read while it is sent. Units: bytes of it that are in memory at once.
pub struct StreamedBody(pub u64);

/// Until this is dropped, the connection accepts no other request.
struct RequestScope(Arc<Connection>);

impl Drop for RequestScope {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// The server drops a body when all of it is ready to be sent.
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
