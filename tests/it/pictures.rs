//! The process that renders pictures, and the memory that it takes.

use std::process::Command;

use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use serde_json::{Value, json};

use crate::world::{World, catalog, fed};

/// Units: bytes. With the program itself, of which the system keeps one copy for all its processes, it is less than 100 MB.
const MOST_MEMORY: usize = 80_000_000;

/// A photograph's size, with the finest colours that a JPEG can have.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let row: Vec<u8> = (0..width * 3).map(|n| u8::try_from(n % 251).unwrap_or_default()).collect();
    let pixels = row.repeat(height as usize);
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 88);
    encoder.write_image(&pixels, width, height, image::ExtendedColorType::Rgb8).unwrap();
    bytes
}

#[test]
fn a_picture_of_24_megapixels_is_rendered_in_less_than_100_megabytes() {
    let world = World::closed(&[]);
    std::fs::create_dir(world.path("db")).unwrap();
    world.seed(&catalog());
    let head = json!({ "job": "upload", "name": "large.jpg" }).to_string();
    let request = [head.as_bytes(), b"\n", &photograph(6_000, 4_000)].concat();
    let mut worker = Command::new("prlimit");
    worker.arg(format!("--data={MOST_MEMORY}")).arg(&world.program).arg("develop");
    let output = fed(worker.current_dir(world.path("")).env_clear(), &request);
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr)));
    let sizes = &answer["Ok"]["sizes"];
    assert_eq!((&sizes[2][0], &sizes[2][1]), (&json!(1600), &json!(1067)), "{answer}");
}
