//! A dumb, ordered bulletin board and media fan-out that sees only ciphertext.
//!
//! [`hub`] is everything that happens between connections, without sockets, clock or randomness;
//! [`login`] lets connections in; [`server`] is the tokio driver, also used inside the desktop app
//! ("host here"). The relay parses no key, body or frame: it knows pseudonyms that mean something
//! in one meeting only, opaque boxes, and sealed frames. It keeps nothing on disk.

mod bucket;
pub mod hub;
pub mod limits;
pub mod login;
pub mod server;
pub mod tls;

pub use server::{Config, Handle, serve};
