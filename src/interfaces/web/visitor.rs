//! What a visitor's cookies hold.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, CookieJar, Key};

use crate::domain::cart::{Basket, CartId};
use crate::domain::orders::Code;
use crate::domain::values::Currency;
use crate::interfaces::http::{CookieNames, hex, random_bytes};

/// What a visitor's browser brought along. The shop itself remembers nothing of a visitor.
pub struct Visitor {
    /// Shape: 32 hexadecimal digits of chance, which name nobody; the tokens of forms are bound to it.
    pub visitor: String,
    /// Whether the browser brought it, or it was made just now.
    pub is_known: bool,
    /// As the browser brought it: whether the shop takes it is seen later.
    pub currency: Option<String>,
    pub basket: Basket,
    pub open_order: Option<OpenOrder>,
    pub cookies: CookieNames,
}

/// The order that this browser may see.
pub struct OpenOrder {
    pub code: Code,
    /// Whether the buyer has said that the code is written down.
    pub is_noted: bool,
    /// The newest piece of its conversation that this browser has shown.
    pub seen: i64,
}

/// Units: bytes of a `Set-Cookie` line, which browsers take whole up to 4096.
const MOST_COOKIE: usize = 4_000;

/// A cart that would not fit into its cookie.
pub struct CartTooLarge;

impl Visitor {
    pub fn of(request: &HttpRequest, key: &Key) -> Self {
        let cookies = CookieNames::of_buyer(request);
        let mut visitor = None;
        let mut currency = None;
        let mut basket = None;
        let mut open_order = None;
        for (name, value) in cookies.sent(request) {
            match name {
                "visitor"
                    if value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
                {
                    visitor = Some(value.to_owned());
                }
                "currency" => {
                    currency =
                        Currency::parse(value).ok().map(|currency| currency.as_str().to_owned())
                }
                "cart" => {
                    basket = unsealed(key, "cart", value).and_then(|text| Basket::parse(&text).ok())
                }
                "order" => {
                    open_order =
                        unsealed(key, "order", value).and_then(|text| OpenOrder::parse(&text))
                }
                _ => {}
            }
        }
        Self {
            is_known: visitor.is_some(),
            visitor: visitor.unwrap_or_else(|| hex(&random_bytes::<16>())),
            currency,
            basket: basket.unwrap_or_else(|| Basket::empty(CartId([0; 16]))),
            open_order,
            cookies,
        }
    }

    pub fn visitor_cookie(&self) -> String {
        self.cookies.set("visitor", &self.visitor)
    }

    pub fn currency_cookie(&self, currency: &Currency) -> String {
        self.cookies.set("currency", currency.as_str())
    }

    /// The cart as a cookie, or the removal of an empty one.
    ///
    /// # Errors
    /// [`CartTooLarge`]: nothing is cut off.
    pub fn cart_cookie(&self, key: &Key, basket: &Basket) -> Result<String, CartTooLarge> {
        if basket.is_empty() {
            return Ok(format!("{}; Max-Age=0", self.cookies.set("cart", "")));
        }
        let cookie = self.cookies.set("cart", &sealed(key, "cart", basket.write()));
        if cookie.len() <= MOST_COOKIE { Ok(cookie) } else { Err(CartTooLarge) }
    }

    pub fn order_cookie(&self, key: &Key, order: &OpenOrder) -> String {
        self.cookies.set("order", &sealed(key, "order", order.write()))
    }

    /// What removes the order from the browser.
    pub fn no_order_cookies(&self) -> Vec<String> {
        self.cookies.remove("order")
    }
}

impl OpenOrder {
    fn write(&self) -> String {
        format!("{}{} {}", if self.is_noted { '1' } else { '0' }, self.seen, self.code.words())
    }

    fn parse(text: &str) -> Option<Self> {
        let (is_noted, words) = match text.split_at_checked(1)? {
            ("1", words) => (true, words),
            ("0", words) => (false, words),
            _ => return None,
        };
        let (seen, words) = words.split_once(' ')?;
        Some(Self { code: Code::parse(words).ok()?, is_noted, seen: seen.parse().ok()? })
    }
}

/// What only the shop can read and write. `name`: nothing that was sealed under another name is taken for it.
pub fn sealed(key: &Key, name: &'static str, text: String) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(name, text));
    jar.get(name).map(|cookie| cookie.value().to_owned()).unwrap_or_default()
}

pub fn unsealed(key: &Key, name: &'static str, value: &str) -> Option<String> {
    let cookie = Cookie::new(name, value.to_owned());
    CookieJar::new().private(key).decrypt(cookie).map(|cookie| cookie.value().to_owned())
}
