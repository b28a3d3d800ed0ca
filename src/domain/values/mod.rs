//! Small value types used by every module. Nothing here does I/O or reads a clock or random bytes.

pub mod accent;
pub mod address_format;
pub mod age;
pub mod byte_size;
pub mod colour;
pub mod country;
pub mod escape;
pub mod fiat;
pub mod file_name;
pub mod file_text;
pub mod json_shape;
pub mod mailbox;
pub mod money;
pub mod node_url;
pub mod notify;
pub mod plain_decimal;
pub mod plural;
pub mod quantity;
pub mod region;
#[cfg(test)]
pub mod slow_reader;
pub mod text;
pub mod timestamp;
pub mod trusted_time;

pub use accent::{Accent, LowContrast};
pub use address_format::{AddressFormat, AddressPart, AddressParts};
pub use age::{Age, NotAnAge};
pub use byte_size::byte_size;
pub use colour::{Colour, Contrast, NotAColour};
pub use country::{Country, NotACountry};
pub use escape::escaped;
pub use fiat::{FiatCurrency, FiatPrice, NotAFiatCurrency, NotAFiatPrice};
pub use file_name::{FileName, NotAFileName};
pub use file_text::{NotFileText, file_text};
pub use json_shape::{JsonShape, ShapeCounter};
pub use mailbox::{Mailbox, NotAMailbox};
pub use money::{Amount, Currency, NotACurrency, NotAnAmount};
pub use node_url::{Authority, Host, NodeUrl, NotANodeUrl, NotAProxyUrl, ProxyUrl};
pub use notify::Notify;
pub use plain_decimal::plain_decimal;
pub use plural::plural;
pub use quantity::{NotAQuantity, Quantity};
pub use region::{CountryGroup, NotARegion, Region, Regions};
pub use text::{Line, NotText, Paragraph};
pub use timestamp::{NotADay, Timestamp};
pub use trusted_time::{
    ClockChange, ClockJump, Reading, Settling, THIS_VERSION, Times, TrustedClock,
};
