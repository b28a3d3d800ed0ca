//! Strangers who send much, slowly, or never read an answer.
