//! The steps of a purchase, as a browser without scripts takes them.

use std::io::Write;
use std::net::TcpStream;

use super::{get, read_answer};

/// The cookies of a buyer with a cart, and the token of the buyer's forms. `option`: empty where the product has none.
pub fn filled_cart(address: &str, product: &str, option: &str) -> (String, String) {
    let (head, body) = get(address, &format!("/product/{product}"), "");
    let visitor = cookie(&head, "visitor");
    let token = field(&body, "token");
    let form = format!("token={token}&product={product}&option={option}&quantity=1");
    let (head, _) = post(address, "/cart", &visitor, &form);
    assert!(head.starts_with("HTTP/1.1 303"), "{head}");
    (format!("{visitor}; {}", cookie(&head, "cart")), token)
}

pub fn checkout_form(token: &str) -> String {
    format!(
        "token={token}&recipient=Ada+Byron&street=12+St+James%27s+Square&city=London&province=Greater+London&country=United+Kingdom&postcode=SW1Y+4JH"
    )
}

/// The cookies of a buyer, and the form that places the order.
pub fn reviewed_order(address: &str, product: &str, option: &str) -> (String, String) {
    let (cookies, token) = filled_cart(address, product, option);
    let (_, body) = post(address, "/checkout", &cookies, &checkout_form(&token));
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &token)
        .append_pair("draft", &field(&body, "draft"))
        .finish();
    (cookies, form)
}

/// The value of a hidden field.
fn field(page: &[u8], name: &str) -> String {
    let page = String::from_utf8_lossy(page);
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the field");
    rest.split('"').next().expect("its value").to_owned()
}

pub fn cookie(head: &str, name: &str) -> String {
    let begin = format!("set-cookie: {name}=");
    let line = head.lines().find(|line| line.starts_with(&begin)).expect("a cookie");
    line["set-cookie: ".len()..].split(';').next().expect("a pair").to_owned()
}

pub fn post(address: &str, path: &str, cookies: &str, form: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("connect to loopback");
    let length = form.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}"
    )
    .expect("send");
    read_answer(&mut stream)
}
