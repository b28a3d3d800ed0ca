//! Why a plot cannot be drawn.

/// The numbers cannot cause it: the picture's size and the letters are our own.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the plot cannot be drawn: {0}")]
pub struct DrawError(String);

pub fn failed(error: impl std::fmt::Display) -> DrawError {
    DrawError(error.to_string())
}
