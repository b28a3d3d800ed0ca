//! A shop with many orders, and what a command costs in it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::SHOP;

/// Two years of orders: nine of ten are sent, the others wait for something.
const FILL: [&str; 7] = [
    "create temp table n as with recursive n(n) as (select 1 union all select n + 1 from n where n < $ORDERS) select n from n",
    "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount) \
     select n, printf('%010d', n), randomblob(32), randomblob(32), 'awaiting', \
         (unixepoch() / 86400 - 730 + n / (1 + $ORDERS / 730)) * 86400, 'ETH', 91990000 + n from n",
    "insert into invoices (order_id, currency, chain, address, amount, total, until, network) \
     select n, 'ETH', 1, '0x52908400098527886E0F7030069857D2E4169EE7', 91990000 + n, 91990000 + n, 253402300000, 'chain:1' from n",
    "insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
     select n, value, 1 + n % 10, 0, 0, 'Thing number ' || n, '', 1 + value, 30000000 from n, json_each('[0, 1]')",
    "insert into messages (order_id, kind, day, sealed) select n, 'receipt', 1700006400, randomblob(400) from n",
    "update orders set status = 'confirmed' where id % 100 >= 5",
    "update orders set status = case when id % 100 >= 9 then 'shipped' when id % 100 = 8 then 'cancelled' else status end, \
         finished_at = case when id % 100 >= 8 then placed_at end where id % 100 >= 5",
];

/// Prints the peak memory and the time of a command. Source: getrusage(2), `ru_maxrss` in KB.
const MEASURE: &str = "import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:])
took = time.monotonic() - began
print('\\n', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, round(1000 * took), file=sys.stderr)
sys.exit(code)";

/// The time of a command of the shop, and its peak memory. Units: milliseconds and kilobytes.
pub fn measure(name: &str, home: &Path, arguments: &[&str]) -> (u64, u64) {
    let output = Command::new("python3")
        .args(["-c", MEASURE, SHOP])
        .args(arguments)
        .current_dir(home)
        .stdout(Stdio::null())
        .output()
        .expect("python3");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = text.lines().last().unwrap_or_default().split_whitespace();
    let numbers: Vec<u64> = numbers.map(|word| word.parse().expect("a number")).collect();
    let [peak, time] = numbers[..] else { panic!("{name}: {text}") };
    // The doctor may complain about this machine.
    assert!(output.status.success() || arguments[0] == "doctor", "{name}: {text}");
    (time, peak)
}

/// Puts orders into a shop with at least ten products, which keeps them.
pub fn fill_orders(home: &Path, orders: u64) {
    let settings = home.join(".env");
    std::fs::write(&settings, "KEEP_DAYS=3650\n").expect("write the settings");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&settings, private).expect("make them private");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(home.join("db/shop.sqlite"));
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        let mut tx = connection.begin().await.expect("a transaction");
        for statement in FILL {
            let statement = statement.replace("$ORDERS", &orders.to_string());
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .execute(&mut *tx)
                .await
                .expect("fill the database");
        }
        tx.commit().await.expect("commit");
        connection.close().await.expect("close");
    });
}
