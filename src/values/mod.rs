//! Small values that every room speaks. Nothing here does I/O, asks the clock or chance.

pub mod accent;
pub mod colour;
pub mod country;
pub mod escape;
pub mod file_text;
pub mod json_shape;
pub mod mailbox;
pub mod moment;
pub mod money;
pub mod node_url;
pub mod plural;
pub mod quantity;
pub mod text;
pub mod trusted_time;

pub use accent::{Accent, TooPale};
pub use colour::{Colour, Contrast, NotAColour};
pub use country::{Country, NotACountry};
pub use escape::escaped;
pub use file_text::{NotFileText, file_text};
pub use json_shape::JsonShape;
pub use mailbox::{Mailbox, NotAMailbox};
pub use moment::{Moment, NotADay};
pub use money::{Currency, Gwei, NotACurrency, NotAnAmount};
pub use node_url::{Host, NodeUrl, NotANodeUrl, NotAProxyUrl, ProxyUrl};
pub use plural::plural;
pub use quantity::{NotAQuantity, Quantity};
pub use text::{Line, NotText, Paragraph};
pub use trusted_time::{ClockChange, Doubt, Reading, Settling, THIS_VERSION, Times, TrustedClock};
