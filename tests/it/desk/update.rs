//! An update from the last version without a desk.

use std::fs;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::desk::products::Form;
use crate::world::{BTC_ZPUB, World};

/// A product with an option, a used code, and orders in different states.
const ROWS: &str = "\
    insert into wallets (currency, position, name, xpub) values ('BTC', 0, 'Bitcoin', 'ZPUB'); \
    insert into products (id, slug, position, name, description_html, file_quantity, stock) \
        values (1, 'tea', 0, 'Tea', '<p>A <strong>fine</strong> tea.</p>\n<ul>\n<li>loose</li>\n</ul>\n', 20, 14); \
    insert into options (id, product_id, position, name, file_quantity, stock) values (1, 1, 0, 'Black', 5, 3); \
    insert into prices (product_id, option_id, currency, price) values (1, 0, 'BTC', 100000); \
    insert into product_categories (product_id, position, category) values (1, 0, 'Drinks'); \
    insert into product_words (rowid, name, categories, description) values (1, 'Tea', 'Drinks', 'A fine tea loose'); \
    insert into shelf (currency, category, position, product_id) values ('BTC', '', 0, 1), ('BTC', 'Drinks', 0, 1); \
    insert into shelf_sizes (currency, category, position, products) values ('BTC', '', 0, 1), ('BTC', 'Drinks', 0, 1); \
    insert into discounts (code, percent) values ('WELCOME', 10); \
    insert into orders (id, order_ref, form_token, lookup_name, status, placed_at, discount_code, discount_percent, discount_less) values \
        (1, 'AAAAAAAAAA', randomblob(32), randomblob(32), 'awaiting', 1795219200, null, null, null), \
        (2, 'BBBBBBBBBB', randomblob(32), randomblob(32), 'confirmed', 1795219200, 'WELCOME', 10, 10000), \
        (3, 'CCCCCCCCCC', randomblob(32), randomblob(32), 'shipped', 1795132800, 'WELCOME', 10, 10000), \
        (4, 'DDDDDDDDDD', randomblob(32), randomblob(32), 'expired', 1795132800, 'WELCOME', 10, 10000); \
    update orders set finished_at = placed_at where status in ('shipped', 'expired'); \
    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
        select id, 0, 1, 1, 1, 'Tea', 'Black', 1, 100000 from orders; \
    insert into invoices (order_id, currency, address, amount, total, received, until, network) \
        select id, 'BTC', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 100000 - coalesce(discount_less, 0), 100000 - coalesce(discount_less, 0), \
            case when status in ('confirmed', 'shipped') then 90000 else 0 end, 4000000000, 'bitcoin' from orders; \
    insert into words (order_id, kind, day, sealed, told) values (2, 'question', 1795219200, x'00', 1)";

fn older_shop() -> World {
    let mut world = World::closed(&[("DESK_LISTEN", "127.0.0.1:0"), ("KEEP_DAYS", "3650")]);
    fs::create_dir(world.path("db")).unwrap();
    let file = world.path("db/shop.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let mut migrator = sqlx::migrate!();
        migrator.migrations =
            migrator.iter().filter(|migration| migration.version <= 5).cloned().collect();
        migrator.run(&mut connection).await.unwrap();
        let rows = ROWS.replace("ZPUB", BTC_ZPUB);
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    world.open();
    world.sets_desk_password();
    world
}

#[test]
fn the_desk_shows_a_shop_of_an_older_version_unchanged() {
    let world = older_shop();
    let mut desk = world.desk();
    let today = desk.get("/");
    for (mark, n) in [("to-pay", "1"), ("to-send", "1"), ("to-answer", "1"), ("to-decide", "0")] {
        assert_eq!(today.mark(mark), n, "{mark}");
    }
    let orders = desk.get("/orders").text();
    for order_ref in ["AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC", "DDDDDDDDDD"] {
        assert!(orders.contains(order_ref), "{orders}");
        assert_eq!(desk.get(&format!("/orders/{order_ref}")).mark("order-ref"), order_ref);
    }
    // Of two orders: the expired one returned its use.
    let uses = world.find("select cast(used as text) from discount_uses where code = 'WELCOME'");
    assert_eq!(uses, [b"2"]);

    // It is sold as before. Only the HTML of its text was stored: it can be exported once the text
    // has been written again.
    let mut buyer = world.buyer();
    buyer.get("/");
    let shown = buyer.get("/product/tea").text();
    assert!(shown.contains("<strong>fine</strong>") && shown.contains("Black"), "{shown}");
    assert_eq!(world.shop(&["catalog", "export", "db/data.json"]).status.code(), Some(1));
    let mut form = Form::get(&mut desk, "/products/tea");
    assert!(form.value("description").is_empty());
    form.set("description", "A **fine** tea.\n\n- loose");
    assert_eq!(form.press(&mut desk, "save", &[]).status, 303);
    world.says(&["catalog", "export", "db/data.json"]);
    world.says(&["seed", "db/data.json"]);
    assert_eq!(buyer.get("/product/tea").text(), shown);
    assert_eq!(world.find("select cast(stock as text) from options"), [b"3"]);
    assert_eq!(world.find("select cast(stock as text) from products"), [b"14"]);
}
