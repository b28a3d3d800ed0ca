use crate::world::ADDRESS;
use crate::world::World;
use crate::world::catalog;
use serde_json::json;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;

#[test]
fn orders_that_a_buyer_was_told_of_outlive_a_crash_and_each_is_told_to_the_seller_once() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    let mut world = World::with(&many, &[]);
    let promised = Mutex::new(0_usize);
    for round in 0..3 {
        let buyers: Vec<_> = (0..4)
            .map(|_| {
                let mut buyer = world.buyer();
                buyer.adds("green-tea", "", "1");
                buyer
            })
            .collect();
        let address = world.address().to_owned();
        let before = *promised.lock().unwrap();
        std::thread::scope(|scope| {
            for buyer in &buyers {
                let (address, promised) = (&address, &promised);
                scope.spawn(move || {
                    let cookies: Vec<String> = buyer.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    let mut again = buyer.clone();
                    let token = again.get("/cart").token();
                    let mut form = form_urlencoded::Serializer::new(format!("token={token}"));
                    let form = form.extend_pairs(ADDRESS).finish();
                    let Ok(mut stream) = TcpStream::connect(address) else { return };
                    let head = format!("POST /checkout HTTP/1.1\r\nHost: {address}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}", cookies.join("; "), form.len());
                    let mut answer = Vec::new();
                    if stream.write_all(head.as_bytes()).is_ok() && stream.read_to_end(&mut answer).is_ok() && answer.starts_with(b"HTTP/1.1 303") {
                        *promised.lock().unwrap() += 1;
                    }
                });
            }
            // The crash comes as soon as one of them has its promise, so that others are half done.
            while *promised.lock().unwrap() == before {
                std::thread::yield_now();
            }
            assert_eq!(world.close("-KILL"), None, "round {round}");
        });
        world.open();
    }
    let kept = world.says(&["orders", "--json"]);
    let orders: Vec<serde_json::Value> = serde_json::from_str(&kept).unwrap();
    assert!(*promised.lock().unwrap() <= orders.len(), "every promise was kept");
    world.until("all is told", || world.messages().len() == orders.len());
    for order in &orders {
        let order_ref = order["ref"].as_str().unwrap();
        let subject = format!("Subject: New order {order_ref} - unpaid");
        assert_eq!(world.messages().iter().filter(|(_, text)| text.contains(&subject)).count(), 1);
    }
    assert!(std::fs::read_dir(world.path("mailorders/tmp")).unwrap().count() <= 12);
    let stock = 1000 - orders.len();
    assert!(5 < stock && world.buyer().get("/product/green-tea").text().contains("In stock"));
}
