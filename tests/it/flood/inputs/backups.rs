//! The memory of a backup and of a restore, of a shop that is larger.

use std::fs;

use super::{hollow_file, nothing, runs};
use crate::sealing::Gpg;
use crate::world::World;

/// Whatever the shop contains. Units: MB.
const ALLOWED_MB: u64 = 64;

#[test]
fn no_size_of_a_shop_fills_the_memory_of_backup_and_restore() {
    let gpg = Gpg::new();
    let key = gpg.usual_key("Seller <seller@shop.example>");
    let mut world = World::sealed(&gpg.exports(&key));
    world.close("-TERM");
    world.sql(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 800)
         insert into pages (slug, title, html, position) select 'p' || n, 't', hex(randomblob(100000)), n from n",
    );
    assert!(150 << 20 < fs::metadata(world.path("db/shop.sqlite")).unwrap().len());
    fs::create_dir_all(world.path("db/files")).unwrap();
    hollow_file(&world.path("db/files/film.mkv"), 100 << 20);

    let ended = runs(&world, &["backup", "copy.asc"], nothing);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.peak_mb <= ALLOWED_MB, "{} MB", ended.peak_mb);
    let (sealed, plain) = (world.path("copy.asc"), world.path("copy.tar"));
    let opened = gpg
        .tries(&["--output", plain.to_str().unwrap(), "--decrypt", sealed.to_str().unwrap()], b"");
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));

    let other = World::closed(&[]);
    let ended = runs(&other, &["restore", plain.to_str().unwrap()], nothing);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.peak_mb <= ALLOWED_MB, "{} MB", ended.peak_mb);
    assert_eq!(fs::metadata(other.path("db/files/film.mkv")).unwrap().len(), 100 << 20);
}
