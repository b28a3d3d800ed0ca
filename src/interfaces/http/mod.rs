//! HTTP shared by the buyers' pages and the desk: listeners, limits, admission, cookies, tokens, headers.

mod admission;
mod circuit;
mod circuit_usage;
pub mod clock;
mod connection_limiter;
mod cookies;
mod csrf;
mod form;
pub mod hosts;
mod listener;
mod random;
mod range;
mod rate_limit;
mod request_counts;
mod request_gate;
mod request_scope;
mod response;
mod response_head;
mod security_headers;
mod server;
mod socket;
pub mod socket_activation;
mod stream;

pub use admission::{
    accept_body, accept_counted_body, acquire_permit_for_form, admit, begin_to_read, busy,
    connection_of,
};
pub use circuit_usage::StockShare;
pub use clock::{monotonic_now, now, trusted, wall};
pub use connection_limiter::{
    ClientKey, Connection, ConnectionLimiter, ConnectionLimits, ConnectionState,
    MAX_CONNECTIONS_OF_CIRCUIT,
};
pub use cookies::CookieNames;
pub use csrf::{TokenKey, hex};
pub use form::{
    FormError, FormFields, NoFields, announced_length, check_head, check_site, decode_fields,
    parse_fields, query_field, read_body,
};
pub use listener::Listener;
pub use random::random_bytes;
pub use range::{RangeRequest, requested_range};
pub use request_counts::RequestCounts;
pub use request_scope::StreamedBody;
pub use response::{see_other, takes_gzip};
pub use security_headers::{SANDBOX, content_security_policy, insert_security_headers};
#[doc(hidden)]
pub use server::http_service;
pub use server::{SPARE_CONNECTIONS, ServerOptions, serve_app, shutdown_signal};
#[doc(hidden)]
pub use stream::ClientStream;
