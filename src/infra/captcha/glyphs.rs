//! The characters of the pictures, as strokes.

/// A character, in a box about 60 wide and 100 tall; y grows downwards. A few strokes reach slightly beyond the box.
pub struct Glyph {
    pub character: char,
    pub strokes: &'static [Stroke],
}

/// A line through these points.
pub enum Stroke {
    /// With corners.
    Straight(&'static [(i32, i32)]),
    /// Its corners are rounded.
    Round(&'static [(i32, i32)]),
}

use Stroke::{Round, Straight};

/// Left out are characters that look like others when they are bent and crossed: 0 O Q, 1 I J L, 5 S,
/// 6 C G, 8 B, 4, F, N, R, V, W, Z.
pub const GLYPHS: [Glyph; 15] = [
    Glyph {
        character: 'A',
        strokes: &[Straight(&[(0, 100), (30, 0), (60, 100)]), Straight(&[(11, 64), (49, 64)])],
    },
    Glyph {
        character: 'D',
        strokes: &[
            Straight(&[(4, 0), (4, 100)]),
            Round(&[(4, 0), (44, 0), (60, 22), (60, 78), (44, 100), (4, 100)]),
        ],
    },
    Glyph {
        character: 'E',
        strokes: &[
            Straight(&[(56, 0), (4, 0), (4, 100), (56, 100)]),
            Straight(&[(4, 48), (48, 48)]),
        ],
    },
    Glyph {
        character: 'H',
        strokes: &[
            Straight(&[(4, 0), (4, 100)]),
            Straight(&[(56, 0), (56, 100)]),
            Straight(&[(4, 50), (56, 50)]),
        ],
    },
    Glyph {
        character: 'K',
        strokes: &[
            Straight(&[(4, 0), (4, 100)]),
            Straight(&[(56, 0), (4, 58)]),
            Straight(&[(22, 40), (58, 100)]),
        ],
    },
    Glyph {
        character: 'M',
        strokes: &[Straight(&[(0, 100), (6, 0), (32, 60), (58, 0), (64, 100)])],
    },
    Glyph {
        character: 'P',
        strokes: &[
            Straight(&[(4, 0), (4, 100)]),
            Round(&[(4, 0), (46, 0), (60, 12), (60, 42), (46, 54), (4, 54)]),
        ],
    },
    Glyph {
        character: 'T',
        strokes: &[Straight(&[(0, 0), (60, 0)]), Straight(&[(30, 0), (30, 100)])],
    },
    Glyph {
        character: 'U',
        strokes: &[Round(&[(2, 0), (2, 72), (14, 100), (46, 100), (58, 72), (58, 0)])],
    },
    Glyph {
        character: 'X',
        strokes: &[Straight(&[(0, 0), (60, 100)]), Straight(&[(60, 0), (0, 100)])],
    },
    Glyph {
        character: 'Y',
        strokes: &[Straight(&[(0, 0), (30, 48), (60, 0)]), Straight(&[(30, 48), (30, 100)])],
    },
    Glyph {
        character: '2',
        strokes: &[
            Round(&[(2, 24), (6, 4), (30, -4), (56, 6), (58, 34), (34, 62), (0, 100)]),
            Straight(&[(0, 100), (60, 100)]),
        ],
    },
    Glyph {
        character: '3',
        strokes: &[
            Round(&[(2, 14), (16, 0), (44, 0), (56, 12), (56, 36), (44, 47), (20, 47)]),
            Round(&[(20, 47), (46, 47), (60, 60), (60, 86), (44, 100), (14, 100), (0, 84)]),
        ],
    },
    Glyph {
        character: '7',
        strokes: &[Straight(&[(0, 0), (58, 0), (20, 100)]), Straight(&[(18, 50), (54, 50)])],
    },
    Glyph {
        character: '9',
        strokes: &[
            Round(&[
                (57, 30),
                (50, 4),
                (30, -2),
                (6, 6),
                (2, 30),
                (8, 54),
                (30, 58),
                (50, 54),
                (57, 30),
            ]),
            Round(&[(57, 30), (56, 66), (44, 88), (16, 102)]),
        ],
    },
];
