//! The one encoding of everything that is sent, signed or hashed: deterministic CBOR
//! (RFC 8949 §4.2.1), every record an array of fields with declared type and size.
//!
//! Encoding cannot fail. Decoding refuses unknown or missing fields, oversized fields, bytes left
//! over, and any encoding that is not the shortest: [`from_bytes`] re-encodes what it read and
//! compares, so one value has exactly one accepted form.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Writes CBOR into a growing buffer.
pub type Writer = Encoder<Vec<u8>>;
/// Reads CBOR from a received slice.
pub type Reader<'a> = Decoder<'a>;

/// The bytes are not the one valid encoding of the expected type. Gives no further reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Malformed
    }
}

/// Something with one place in a record.
pub trait Field: Sized {
    /// Appends the encoding of `self`.
    fn put(&self, w: &mut Writer);
    /// Reads one value.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong type, range or size.
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// The encoding of `value`.
pub fn to_bytes<T: Field>(value: &T) -> Vec<u8> {
    let mut w = Encoder::new(Vec::new());
    value.put(&mut w);
    w.into_writer()
}

/// Decodes exactly one `T` from all of `bytes`.
///
/// # Errors
/// [`Malformed`] if `bytes` is anything but `to_bytes` of some `T`.
pub fn from_bytes<T: Field>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut r = Decoder::new(bytes);
    let value = T::take(&mut r)?;
    if r.position() == bytes.len() && to_bytes(&value) == bytes {
        Ok(value)
    } else {
        Err(Malformed)
    }
}

/// Writes an array header. The writer is a `Vec`, so nothing can fail.
pub fn put_array(w: &mut Writer, len: usize) {
    let _ = w.array(len as u64);
}

/// Reads an array header that must announce exactly `len` items.
///
/// # Errors
/// [`Malformed`] for another length or an indefinite array.
pub fn take_array(r: &mut Reader<'_>, len: usize) -> Result<(), Malformed> {
    if r.array()? == Some(len as u64) { Ok(()) } else { Err(Malformed) }
}

macro_rules! integer_field {
    ($($t:ident),*) => {$(
        impl Field for $t {
            fn put(&self, w: &mut Writer) { let _ = w.$t(*self); }
            fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> { Ok(r.$t()?) }
        }
    )*};
}
integer_field!(u8, u16, u32, u64, bool);

impl<const N: usize> Field for [u8; N] {
    fn put(&self, w: &mut Writer) {
        let _ = w.bytes(self);
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        r.bytes()?.try_into().map_err(|_| Malformed)
    }
}

impl<const N: usize> Field for Box<[u8; N]> {
    fn put(&self, w: &mut Writer) {
        let _ = w.bytes(&self[..]);
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        r.bytes()?.to_vec().into_boxed_slice().try_into().map_err(|_| Malformed)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, w: &mut Writer) {
        match self {
            Some(value) => value.put(w),
            None => {
                let _ = w.null();
            }
        }
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        if r.datatype()? == Type::Null {
            r.null()?;
            Ok(None)
        } else {
            T::take(r).map(Some)
        }
    }
}

/// A byte string of at most `MAX` bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Blob<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Blob<MAX> {
    /// Wraps `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] when longer than `MAX`.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Malformed> {
        if bytes.len() <= MAX { Ok(Self(bytes)) } else { Err(Malformed) }
    }
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
    /// Gives the bytes away.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> Field for Blob<MAX> {
    fn put(&self, w: &mut Writer) {
        let _ = w.bytes(&self.0);
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = r.bytes()?;
        if bytes.len() <= MAX { Ok(Self(bytes.to_vec())) } else { Err(Malformed) }
    }
}

/// Whether a text that people read may hold `c`: no control character, and none that turns the
/// direction of what follows, for a name must not reach beyond its end (Unicode TR 36 §3.1).
#[must_use]
pub fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns
}

/// A text of at most `MAX` bytes of UTF-8, all of them plain ([`is_plain`]).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Wraps `text`.
    ///
    /// # Errors
    /// [`Malformed`] when longer than `MAX` bytes or with a character that is not plain.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if text.len() <= MAX && text.chars().all(is_plain) {
            Ok(Self(text))
        } else {
            Err(Malformed)
        }
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Field for Text<MAX> {
    fn put(&self, w: &mut Writer) {
        let _ = w.str(&self.0);
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(r.str()?)
    }
}

/// At most `MAX` values of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Wraps `items`.
    ///
    /// # Errors
    /// [`Malformed`] when longer than `MAX`.
    pub fn new(items: Vec<T>) -> Result<Self, Malformed> {
        if items.len() <= MAX { Ok(Self(items)) } else { Err(Malformed) }
    }
    /// The items.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
    /// Gives the items away.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Field, const MAX: usize> Field for List<T, MAX> {
    fn put(&self, w: &mut Writer) {
        put_array(w, self.0.len());
        for item in &self.0 {
            item.put(w);
        }
    }
    fn take(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let len = r.array()?.ok_or(Malformed)?;
        if len > MAX as u64 {
            return Err(Malformed);
        }
        // Grow with what really arrives: an announced length alone reserves nothing.
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(T::take(r)?);
        }
        Ok(Self(items))
    }
}

/// Declares a record: a struct whose encoding is the array of its fields in order.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type),* }

        impl $crate::codec::Field for $name {
            fn put(&self, w: &mut $crate::codec::Writer) {
                $crate::codec::put_array(w, <[&str]>::len(&[$(stringify!($field)),*]));
                $($crate::codec::Field::put(&self.$field, w);)*
            }
            fn take(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Malformed> {
                $crate::codec::take_array(r, <[&str]>::len(&[$(stringify!($field)),*]))?;
                Ok(Self { $($field: $crate::codec::Field::take(r)?),* })
            }
        }
    };
}

/// Declares an enumeration that travels as one small integer; an unknown value is refused.
#[macro_export]
macro_rules! codes {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code),* }

        impl $crate::codec::Field for $name {
            fn put(&self, w: &mut $crate::codec::Writer) {
                $crate::codec::Field::put(&(*self as u8), w);
            }
            fn take(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Malformed> {
                match <u8 as $crate::codec::Field>::take(r)? {
                    $($code => Ok(Self::$variant),)*
                    _ => Err($crate::codec::Malformed),
                }
            }
        }
    };
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the record macro makes public structs")]
mod tests {
    use super::*;

    record! {
        /// A sample.
        pub struct Sample {
            /// Number.
            pub n: u32,
            /// Id.
            pub id: [u8; 4],
            /// Name.
            pub name: Text<8>,
            /// Maybe.
            pub maybe: Option<u16>,
            /// Items.
            pub items: List<u8, 3>,
        }
    }

    fn sample() -> Sample {
        let items = List::new(vec![1, 2]).unwrap();
        Sample { n: 70_000, id: [9; 4], name: Text::new("Mina").unwrap(), maybe: None, items }
    }

    #[test]
    fn round_trip_is_exact() {
        let bytes = to_bytes(&sample());
        assert_eq!(from_bytes::<Sample>(&bytes), Ok(sample()));
        assert_eq!(bytes[0], 0x85, "an array of five, the absent option included");
    }

    #[test]
    fn other_encodings_of_the_same_value_are_refused() {
        // 0x18 0x01 is the integer 1 in one byte too many.
        assert_eq!(from_bytes::<u8>(&[0x18, 0x01]), Err(Malformed));
        let mut left_over = to_bytes(&sample());
        left_over.push(0xf6);
        assert_eq!(from_bytes::<Sample>(&left_over), Err(Malformed));
        // An indefinite-length array.
        assert_eq!(from_bytes::<List<u8, 3>>(&[0x9f, 0x01, 0xff]), Err(Malformed));
    }

    #[test]
    fn sizes_hold() {
        assert_eq!(
            from_bytes::<List<u8, 1>>(&to_bytes(&List::<u8, 3>::new(vec![1, 2]).unwrap())),
            Err(Malformed)
        );
        assert_eq!(Text::<3>::new("four"), Err(Malformed));
        assert_eq!(Text::<9>::new("a\u{7}b"), Err(Malformed));
        assert_eq!(
            from_bytes::<List<u8, 3>>(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(Malformed)
        );
    }

    #[test]
    fn truncation_never_decodes() {
        let bytes = to_bytes(&sample());
        for end in 0..bytes.len() {
            assert_eq!(from_bytes::<Sample>(&bytes[..end]), Err(Malformed));
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Ok(value) = from_bytes::<Sample>(&bytes) {
                proptest::prop_assert_eq!(to_bytes(&value), bytes);
            }
        }
    }
}
