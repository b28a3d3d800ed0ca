//! Pictures for the tests of this module.

use std::fs;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use moxcms::ColorProfile;

use crate::infra::pictures::file::Rendered;
use crate::infra::pictures::refusal::NotAPicture;
use crate::infra::pictures::render::Picture;
use crate::infra::pictures::source::Source;

pub const RED: [u8; 3] = [220, 30, 30];
pub const GREEN: [u8; 3] = [30, 160, 40];
pub const BLUE: [u8; 3] = [30, 60, 200];
pub const WHITE: [u8; 3] = [250, 250, 250];

/// Red and green at the top, blue and white at the bottom.
pub fn corners(width: u32, height: u32) -> DynamicImage {
    let colour = |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => WHITE,
    };
    RgbImage::from_fn(width, height, |x, y| Rgb(colour(x, y))).into()
}

/// Fully transparent red on the left, half transparent blue on the right.
pub fn clear(width: u32, height: u32) -> DynamicImage {
    let colour = |x| if x < width / 2 { [255, 0, 0, 0] } else { [30, 60, 200, 128] };
    RgbaImage::from_fn(width, height, |x, _| Rgba(colour(x))).into()
}

pub fn plain(colour: [u8; 3], width: u32, height: u32) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb(colour)).into()
}

pub fn jpeg(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(image).unwrap();
    bytes
}

pub fn png(image: &DynamicImage) -> Vec<u8> {
    written(image, ImageFormat::Png)
}

pub fn lossless_webp(image: &DynamicImage) -> Vec<u8> {
    written(image, ImageFormat::WebP)
}

pub fn lossy_webp(image: &DynamicImage) -> Vec<u8> {
    let pixels = image.to_rgba8();
    webp::Encoder::from_rgba(&pixels, image.width(), image.height()).encode(90_u8.into()).to_vec()
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// One row: red, and fully transparent blue.
pub fn palette_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Four);
    encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    encoder.set_trns(vec![255, 0]);
    encoder.write_header().unwrap().write_image_data(&[0x01]).unwrap();
    bytes
}

/// One row: a dark and a light pixel, in different passes.
///
/// Source: W3C, Portable Network Graphics, third edition, section 8.1: the passes of so small a picture are stored like two
/// rows.
pub fn interlaced_png() -> Vec<u8> {
    const HEAD: usize = 8 + 25;
    let mut rows = Vec::new();
    let mut encoder = png::Encoder::new(&mut rows, 1, 2);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&[7, 200]).unwrap();
    let head = [0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 1];
    let both = with_png_chunk(&rows, *b"IHDR", &head);
    [&both[..8], &both[HEAD..]].concat()
}

pub fn animated_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1]).unwrap();
    writer.write_image_data(&[9]).unwrap();
    drop(writer);
    bytes
}

pub fn with_jpeg_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, body, &jpeg[2..]].concat()
}

/// Inserts a chunk after the header.
pub fn with_png_chunk(png: &[u8], kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    const HEAD: usize = 8 + 25;
    let mut chunk = Vec::new();
    let mut writer = png::Encoder::new(&mut chunk, 1, 1).write_header().unwrap();
    writer.write_chunk(png::chunk::ChunkType(kind), body).unwrap();
    drop(writer);
    let chunk = &chunk[HEAD..HEAD + 12 + body.len()];
    [&png[..HEAD], chunk, &png[HEAD..]].concat()
}

/// A simple WebP with further chunks around it, in the extended format.
pub fn with_webp_chunks(
    webp: &[u8],
    (width, height): (u32, u32),
    flags: u8,
    chunks: &[(&[u8], &[u8])],
) -> Vec<u8> {
    let mut head = vec![flags, 0, 0, 0];
    head.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
    head.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    let mut body = b"WEBP".to_vec();
    let mut push = |kind: &[u8], data: &[u8]| {
        body.extend_from_slice(kind);
        body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(&[0][..data.len() % 2]);
    };
    push(b"VP8X", &head);
    chunks
        .iter()
        .filter(|(kind, _)| *kind == b"ICCP" || *kind == b"ANIM")
        .for_each(|(kind, data)| push(kind, data));
    let length = usize::try_from(u32::from_le_bytes(*webp[16..].first_chunk().unwrap())).unwrap();
    push(&webp[12..16], &webp[20..20 + length]);
    chunks
        .iter()
        .filter(|(kind, _)| *kind != b"ICCP" && *kind != b"ANIM")
        .for_each(|(kind, data)| push(kind, data));
    [b"RIFF", u32::try_from(body.len()).unwrap().to_le_bytes().as_slice(), &body].concat()
}

/// Source: TIFF 6.0: a header, one field (274, orientation, a short), no further directory; followed by a GPS position.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    bytes.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(b"52.5200 N 13.4050 E <script>alert(1)</script>");
    bytes
}

/// `n` compressed zeros, after the keyword that begins PNG's texts and profiles.
pub fn swelling(n: usize) -> Vec<u8> {
    let mut zeros = Vec::new();
    let mut encoder = png::Encoder::new(&mut zeros, u32::try_from(n / 1024).unwrap(), 1024);
    encoder.set_compression(png::Compression::High);
    encoder.write_header().unwrap().write_image_data(&vec![0; n]).unwrap();
    let at = zeros.windows(4).position(|four| four == b"IDAT").unwrap();
    let end = zeros.windows(4).position(|four| four == b"IEND").unwrap() - 8;
    [b"x\0\0", &zeros[at + 4..end]].concat()
}

pub fn wide_profile() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().unwrap()
}

/// Renders as from the catalog: a file in a folder.
pub fn rendered(bytes: &[u8]) -> Result<Picture, NotAPicture> {
    source(bytes).render()
}

#[track_caller]
pub fn source(bytes: &[u8]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("red shirt.jpg"), bytes).unwrap();
    Source::open(folder.path(), "red shirt.jpg").unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[track_caller]
pub fn refusal(bytes: &[u8]) -> NotAPicture {
    rendered(bytes).err().expect("the picture is refused")
}

pub fn seen(rendered: &Rendered) -> DynamicImage {
    image::load_from_memory(&rendered.bytes).unwrap()
}

#[track_caller]
pub fn check_colour(image: &DynamicImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let colour = image.to_rgba8().get_pixel(x, y).0;
    let near = colour.iter().zip(expected).all(|(one, other)| one.abs_diff(other) <= 8);
    assert!(near, "{colour:?} at {x}, {y} instead of {expected:?}");
}

/// 10 by 12 pixels in nine scans, which `image` cannot write.
pub fn progressive_jpeg() -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap()
    };
    PROGRESSIVE.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

const PROGRESSIVE: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043001b12141714111b1716171e1c1b2028422b28252528513a3d304260556564\
    5f555d5b6a7899816a7190735b5d85b586909ea3abadab6780bcc9baa6c799a8aba4ffdb0043011c1e1e2823284e2b2b4ea46e5d6ea4a4\
    a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4ffc2001108000c\
    000a03012200021101031101ffc400160001010100000000000000000000000000030204ffc40014010100000000000000000000000000\
    000003ffda000c0301000210031000000184cc84bfffc400191001000203000000000000000000000000010002031221ffda0008010100\
    01050212a6d2fcc93fffc40014110100000000000000000000000000000000ffda0008010301013f017fffc40014110100000000000000\
    000000000000000000ffda0008010201013f017fffc4001510010100000000000000000000000000001120ffda0008010100063f0223ff\
    c4001a100002020300000000000000000000000000110110216171ffda0008010100013f219a63c108b16abfffda000c03010002000300\
    000010ff00ffc400161100030000000000000000000000000000000121ffda0008010301013f1054ffc400161101010100000000000000\
    000000000000010011ffda0008010201013f104cbfffc4001a1001000300030000000000000000000000010011213181d1ffda00080101\
    00013f107051331af70102d841b1eaa713ffd9";
