//! A backup as one tar archive, written and read as a stream: no size of it fills the memory.

mod archive_reader;
mod archive_writer;
mod digests;
mod drafts;
mod layout;
mod new_file;
mod private_file;
mod space;
mod stop;

pub use archive_reader::{Unpacked, unpack};
pub use archive_writer::Archive;
pub use digests::{list as list_files, verify};
pub use drafts::Drafts;
pub use layout::{DATABASE, Layout, Member};
pub use new_file::NewFile;
pub use private_file::PrivateFile;
pub use space::{NoSpace, check_space};
pub use stop::{Stop, Stoppable};
