//! Renders a picture in all sizes.

use image::DynamicImage;

use crate::infra::pictures::decoded::Decoded;
use crate::infra::pictures::encode::Aim;
use crate::infra::pictures::file::Rendered;
use crate::infra::pictures::refusal::{NotAPicture, PictureFault};
use crate::infra::pictures::source::Source;
use crate::infra::pictures::{encode, scale};

/// Units: pixels of the longest side.
const THUMB: u32 = 320;
const PAGE: u32 = 800;
const FULL: u32 = 1600;

/// A buyer waits for these bytes at the speed of Tor: the thumbnail of a drawing takes about 4 KB, that of a photograph
/// at most 8.
const THUMB_AIM: Aim<'_> = Aim {
    steps: &[(72, 4_000), (60, 4_000), (50, 5_000), (42, 8_000), (34, 8_000), (26, 8_000)],
    sharp_edges: false,
    effort: 6,
};
const PAGE_AIM: Aim<'_> = Aim {
    steps: &[(78, 35_000), (72, 35_000), (66, 35_000), (58, 35_000), (50, 35_000), (42, 35_000)],
    sharp_edges: true,
    effort: 4,
};
const FULL_AIM: Aim<'_> = Aim {
    steps: &[(80, 200_000), (74, 200_000), (68, 200_000), (60, 200_000), (52, 200_000)],
    // Its pixels are finer than the eye can distinguish, and sharpening them takes a tenth of the rendering time.
    sharp_edges: false,
    effort: 4,
};

/// One picture of the seller, for a card, for the product's page and for zooming in.
pub struct Picture {
    pub thumb: Rendition,
    pub page: Rendition,
    pub full: Rendition,
}

/// One size of a picture, never larger than the seller's file.
///
/// Units: pixels.
pub struct Rendition {
    pub width: u32,
    pub height: u32,
    pub webp: Rendered,
    pub fallback: Rendered,
}

impl Source {
    /// Takes one core about a second and 70 MB for a phone's picture, and up to 350 MB for the largest WebP or progressive
    /// JPEG, whose coefficients are in memory until the last one is read.
    ///
    /// # Errors
    /// [`NotAPicture`] says what is wrong with the file, and what would be right.
    pub fn render(self) -> Result<Picture, NotAPicture> {
        let name = self.name();
        let refused = |fault| NotAPicture { name: name.clone(), fault };
        let full = self.pixels().map_err(refused)?;
        let page = scale::shrunk(full.clone(), PAGE);
        let thumb = scale::shrunk(page.clone(), THUMB);
        let picture = || {
            Some(Picture {
                thumb: Rendition::of(&thumb, &THUMB_AIM)?,
                page: Rendition::of(&page, &PAGE_AIM)?,
                full: Rendition::of(&full, &FULL_AIM)?,
            })
        };
        picture().ok_or_else(|| refused(PictureFault::NotConverted))
    }

    /// Upright, in sRGB, and no larger than the largest rendition.
    ///
    /// # Errors
    /// As [`Source::render`].
    pub(super) fn pixels(self) -> Result<DynamicImage, PictureFault> {
        let header = self.into_header()?;
        let decoded = Decoded::new(&header).ok_or(PictureFault::Damaged)?;
        drop(header);
        decoded.upright(|image| scale::shrunk(image, FULL))
    }
}

impl Rendition {
    fn of(image: &DynamicImage, aim: &Aim<'_>) -> Option<Self> {
        let (webp, fallback) = (encode::webp(image, aim)?, encode::fallback(image, aim)?);
        Some(Self { width: image.width(), height: image.height(), webp, fallback })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;
    use crate::infra::pictures::test_images::{BLUE, GREEN, RED, WHITE};

    fn all(picture: &Picture) -> [&Rendered; 6] {
        let Picture { thumb, page, full } = picture;
        [&thumb.webp, &thumb.fallback, &page.webp, &page.fallback, &full.webp, &full.fallback]
    }

    #[track_caller]
    fn check_corners(rendered: &Rendered, [a, b, c, d]: [[u8; 3]; 4]) {
        let image = test_images::seen(rendered);
        let (right, below) = (image.width() - 10, image.height() - 10);
        for (at, colour) in [((9, 9), a), ((right, 9), b), ((9, below), c), ((right, below), d)] {
            test_images::check_colour(&image, at, colour);
        }
    }

    /// Source: Exif 2.32, the table of tag 274; each row says which corner of the file is displayed at the top left, at
    /// the top right, and so on.
    #[test]
    fn a_picture_stands_upright_however_the_camera_was_held() {
        let jpeg = test_images::jpeg(&test_images::corners(80, 60));
        let webp = test_images::lossless_webp(&test_images::corners(80, 60));
        let png = test_images::png(&test_images::corners(80, 60));
        for (orientation, corners) in [
            (1, [RED, GREEN, BLUE, WHITE]),
            (2, [GREEN, RED, WHITE, BLUE]),
            (3, [WHITE, BLUE, GREEN, RED]),
            (4, [BLUE, WHITE, RED, GREEN]),
            (5, [RED, BLUE, GREEN, WHITE]),
            (6, [BLUE, RED, WHITE, GREEN]),
            (7, [WHITE, GREEN, BLUE, RED]),
            (8, [GREEN, WHITE, RED, BLUE]),
            (0, [RED, GREEN, BLUE, WHITE]),
            (99, [RED, GREEN, BLUE, WHITE]),
        ] {
            let exif = test_images::exif(orientation);
            let segment = [b"Exif\0\0", exif.as_slice()].concat();
            for file in [
                test_images::with_jpeg_segment(&jpeg, 0xe1, &segment),
                test_images::with_png_chunk(&png, *b"eXIf", &exif),
                test_images::with_webp_chunks(&webp, (80, 60), 8, &[(b"EXIF", &exif)]),
                test_images::with_webp_chunks(&webp, (80, 60), 8, &[(b"EXIF", &segment)]),
            ] {
                let picture =
                    test_images::rendered(&file).unwrap_or_else(|refusal| panic!("{refusal}"));
                let expected = if matches!(orientation, 5..=8) { (60, 80) } else { (80, 60) };
                assert_eq!((picture.thumb.width, picture.thumb.height), expected, "{orientation}");
                all(&picture).into_iter().for_each(|rendered| check_corners(rendered, corners));
            }
        }
    }

    #[test]
    fn a_profile_is_applied_and_gone() {
        let (image, profile) =
            (test_images::plain([200, 100, 50], 20, 20), test_images::wide_profile());
        let segment = [b"ICC_PROFILE\0\x01\x01", profile.as_slice()].concat();
        for file in [
            test_images::with_jpeg_segment(&test_images::jpeg(&image), 0xe2, &segment),
            test_images::with_webp_chunks(
                &test_images::lossless_webp(&image),
                (20, 20),
                0x20,
                &[(b"ICCP", &profile)],
            ),
        ] {
            let picture =
                test_images::rendered(&file).unwrap_or_else(|refusal| panic!("{refusal}"));
            all(&picture).into_iter().for_each(|rendered| {
                test_images::check_colour(&test_images::seen(rendered), (9, 9), [215, 93, 31]);
            });
        }
        let broken = test_images::with_jpeg_segment(
            &test_images::jpeg(&image),
            0xe2,
            b"ICC_PROFILE\0\x01\x01junk",
        );
        assert!(matches!(test_images::refusal(&broken).fault, PictureFault::Profile));
    }

    #[test]
    fn nothing_but_pixels_leaves_the_shop() {
        let image = test_images::corners(400, 300);
        let segment = [b"Exif\0\0", test_images::exif(6).as_slice()].concat();
        let mut jpeg = test_images::with_jpeg_segment(&test_images::jpeg(&image), 0xe1, &segment);
        for (marker, body) in [
            (0xe1, "http://ns.adobe.com/xap/1.0/\0secret"),
            (0xed, "Photoshop secret"),
            (0xfe, "secret"),
        ] {
            jpeg = test_images::with_jpeg_segment(&jpeg, marker, body.as_bytes());
        }
        let mut png = test_images::png(&test_images::clear(400, 300));
        for kind in [b"tEXt", b"iTXt", b"tIME", b"zTXt"] {
            png = test_images::with_png_chunk(&png, *kind, b"secret\0\0\0\0\0");
        }
        let exif = test_images::exif(1);
        let chunks: [(&[u8], &[u8]); 2] = [(b"EXIF", &exif), (b"XMP ", b"secret")];
        let webp = test_images::with_webp_chunks(
            &test_images::lossy_webp(&image),
            (400, 300),
            0x0c,
            &chunks,
        );
        for file in [jpeg, png, webp] {
            let picture =
                test_images::rendered(&file).unwrap_or_else(|refusal| panic!("{refusal}"));
            for rendered in all(&picture) {
                let tells = |word: &str| {
                    rendered.bytes.windows(word.len()).any(|some| some == word.as_bytes())
                };
                for word in [
                    "secret", "Exif", "EXIF", "52.5", "ICC", "iCCP", "XMP ", "xap", "tEXt", "zTXt",
                    "iTXt", "tIME", "eXIf",
                ] {
                    assert!(!tells(word), "{word} in {}", rendered.file.as_str());
                }
                for marker in (0xe1..=0xef).chain([0xfe]) {
                    let is_jpeg = rendered.file.content_type() == "image/jpeg";
                    assert!(
                        !is_jpeg || !rendered.bytes.windows(2).any(|two| two == [0xff, marker]),
                        "{marker:x}"
                    );
                }
            }
        }
    }

    #[test]
    fn three_sizes_are_made_and_none_is_enlarged() {
        let sizes = |picture: Picture| {
            [picture.thumb, picture.page, picture.full].map(|one| (one.width, one.height))
        };
        for ((width, height), expected) in [
            ((2000, 1000), [(320, 160), (800, 400), (1600, 800)]),
            ((500, 1000), [(160, 320), (400, 800), (500, 1000)]),
            ((300, 20), [(300, 20); 3]),
            ((1, 1), [(1, 1); 3]),
            ((4000, 1), [(320, 1), (800, 1), (1600, 1)]),
        ] {
            let picture =
                test_images::rendered(&test_images::png(&test_images::plain(RED, width, height)));
            assert_eq!(picture.ok().map(sizes), Some(expected), "{width} by {height}");
        }
    }

    #[test]
    fn what_is_seen_through_stays_so_and_what_is_hidden_goes() {
        for file in [
            test_images::png(&test_images::clear(1000, 40)),
            test_images::lossless_webp(&test_images::clear(1000, 40)),
        ] {
            let picture = test_images::rendered(&file).ok().unwrap();
            for rendered in all(&picture) {
                assert!(["image/webp", "image/png"].contains(&rendered.file.content_type()));
                let image = test_images::seen(rendered).to_rgba8();
                assert!(
                    image.pixels().any(|pixel| pixel[3] == 0)
                        && image.pixels().any(|pixel| pixel[3] == 128)
                );
                let tinted =
                    image.pixels().filter(|pixel| 20 < pixel[3]).any(|pixel| pixel[2] < pixel[0]);
                assert!(!tinted, "the hidden red is seen at an edge");
            }
            let full = test_images::seen(&picture.full.fallback).to_rgba8();
            assert!(full.pixels().all(|pixel| pixel[3] != 0 || pixel.0 == [0; 4]));
        }
        let opaque = test_images::corners(40, 30).to_rgba8().into();
        let picture = test_images::rendered(&test_images::png(&opaque)).ok().unwrap();
        assert_eq!(picture.full.fallback.file.content_type(), "image/jpeg");
        assert!(!test_images::seen(&picture.full.webp).color().has_alpha());
    }

    #[test]
    fn equal_pictures_have_equal_names() {
        let names = |colour| {
            let picture =
                test_images::rendered(&test_images::png(&test_images::plain(colour, 50, 50)))
                    .ok()
                    .unwrap();
            all(&picture).map(|rendered| rendered.file.clone())
        };
        assert_eq!(names(RED), names(RED));
        assert!(names(RED).iter().zip(names(BLUE)).all(|(one, other)| *one != other));
    }

    #[test]
    fn gray_pictures_are_shown() {
        let gray = test_images::corners(40, 30).to_luma8();
        for file in [test_images::jpeg(&gray.clone().into()), test_images::png(&gray.into())] {
            let picture = test_images::rendered(&file).ok().unwrap();
            all(&picture).into_iter().for_each(|rendered| {
                test_images::check_colour(&test_images::seen(rendered), (35, 25), WHITE)
            });
        }
    }

    #[test]
    fn pictures_are_rendered_on_any_thread() {
        fn check<T: Send + Sync>() {}
        check::<Source>();
        check::<Picture>();
        check::<NotAPicture>();
    }
}
