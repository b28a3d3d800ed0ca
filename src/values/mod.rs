//! Small values that every room speaks. Nothing here does I/O, asks the clock or chance.

pub mod accent;
pub mod colour;
pub mod country;
pub mod json_shape;
pub mod mailbox;
pub mod moment;
pub mod money;
pub mod node_url;
pub mod quantity;
pub mod text;

pub use accent::{Accent, TooPale};
pub use colour::{Colour, Contrast, NotAColour};
pub use country::{Country, NotACountry};
pub use json_shape::JsonShape;
pub use mailbox::{Mailbox, NotAMailbox};
pub use moment::{Moment, NotADay};
pub use money::{Currency, Gwei, NotACurrency, NotAnAmount};
pub use node_url::{Host, NodeUrl, NotANodeUrl, NotAProxyUrl, ProxyUrl};
pub use quantity::{NotAQuantity, Quantity};
pub use text::{Line, NotText, Paragraph};
