//! A reader for tests.

use std::io;
use std::io::Read;

/// Gives few bytes at a time, so that what reads it has to go on anywhere. Units: bytes.
pub struct SlowReader<'a>(pub &'a [u8], pub usize);

impl Read for SlowReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}
