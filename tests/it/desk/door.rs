use crate::world::World;

#[test]
fn nothing_of_the_desk_is_shown_before_the_password() {
    let world = World::with_desk();
    let mut stranger = world.stranger_at_desk();
    for path in ["/", "/orders", "/products", "/account"] {
        let answer = stranger.get(path);
        assert_ne!(answer.status, 200, "{path}");
    }
    assert!(world.desk().get("/").text().contains("Today"));
}
