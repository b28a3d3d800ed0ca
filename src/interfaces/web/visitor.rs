//! What a visitor's cookies hold.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, CookieJar, Key};

use crate::domain::cart::{Basket, CartId};
use crate::domain::orders::Code;
use crate::domain::values::Currency;
use crate::interfaces::http::{CookieNames, hex, random_bytes};

/// What a visitor's browser sent. The shop itself stores nothing about a visitor.
pub struct Visitor {
    /// Shape: 32 random hexadecimal digits, which identify nobody; the tokens of forms are bound to them.
    pub id: String,
    /// Whether the browser sent the id; otherwise it is new.
    pub is_known: bool,
    /// As the browser sent it: the shop may not accept it.
    pub currency: Option<Currency>,
    pub basket: Basket,
    pub open_order: Option<OpenOrder>,
    pub cookies: CookieNames,
}

/// The order that this browser may see.
pub struct OpenOrder {
    pub code: Code,
    /// Whether the buyer has confirmed that the code is saved.
    pub is_code_saved: bool,
    /// The newest message that this browser has shown.
    pub last_seen: i64,
}

/// Units: bytes of a `Set-Cookie` line; browsers accept 4096.
const MAX_COOKIE: usize = 4_000;

/// A cart that would not fit into its cookie.
pub struct CartTooLarge;

impl Visitor {
    pub fn of(request: &HttpRequest, key: &Key) -> Self {
        let cookies = CookieNames::of_buyer(request);
        let mut id = None;
        let mut currency = None;
        let mut basket = None;
        let mut open_order = None;
        for (name, value) in cookies.sent(request) {
            match name {
                "visitor"
                    if value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
                {
                    id = Some(value.to_owned());
                }
                "currency" => currency = Currency::parse(value).ok(),
                "cart" => {
                    basket = decrypt(key, "cart", value).and_then(|text| Basket::parse(&text).ok());
                }
                "order" => {
                    open_order =
                        decrypt(key, "order", value).and_then(|text| OpenOrder::parse(&text));
                }
                _ => {}
            }
        }
        Self {
            is_known: id.is_some(),
            id: id.unwrap_or_else(|| hex(&random_bytes::<16>())),
            currency,
            basket: basket.unwrap_or_else(|| Basket::empty(CartId([0; 16]))),
            open_order,
            cookies,
        }
    }

    pub fn id_cookie(&self) -> String {
        self.cookies.set("visitor", &self.id)
    }

    pub fn currency_cookie(&self, currency: &Currency) -> String {
        self.cookies.set("currency", currency.as_str())
    }

    /// The cart as a cookie, or the removal of an empty one.
    ///
    /// # Errors
    /// [`CartTooLarge`]: nothing is truncated.
    pub fn cart_cookie(&self, key: &Key, basket: &Basket) -> Result<String, CartTooLarge> {
        if basket.is_empty() {
            return Ok(format!("{}; Max-Age=0", self.cookies.set("cart", "")));
        }
        let cookie = self.cookies.set("cart", &encrypt(key, "cart", basket.write()));
        if cookie.len() <= MAX_COOKIE { Ok(cookie) } else { Err(CartTooLarge) }
    }

    pub fn order_cookie(&self, key: &Key, order: &OpenOrder) -> String {
        self.cookies.set("order", &encrypt(key, "order", order.write()))
    }

    /// The cookies that remove the order from the browser.
    pub fn remove_order_cookies(&self) -> Vec<String> {
        self.cookies.remove("order")
    }
}

impl OpenOrder {
    fn write(&self) -> String {
        format!(
            "{}{} {}",
            if self.is_code_saved { '1' } else { '0' },
            self.last_seen,
            self.code.words()
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let (is_code_saved, words) = match text.split_at_checked(1)? {
            ("1", words) => (true, words),
            ("0", words) => (false, words),
            _ => return None,
        };
        let (last_seen, words) = words.split_once(' ')?;
        Some(Self {
            code: Code::parse(words).ok()?,
            is_code_saved,
            last_seen: last_seen.parse().ok()?,
        })
    }
}

/// Encrypts and authenticates a text with the shop's key. `name`: what was encrypted under one name cannot be decrypted
/// under another.
pub fn encrypt(key: &Key, name: &'static str, text: String) -> String {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(name, text));
    jar.get(name).map(|cookie| cookie.value().to_owned()).unwrap_or_default()
}

pub fn decrypt(key: &Key, name: &'static str, value: &str) -> Option<String> {
    let cookie = Cookie::new(name, value.to_owned());
    CookieJar::new().private(key).decrypt(cookie).map(|cookie| cookie.value().to_owned())
}
