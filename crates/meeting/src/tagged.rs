//! Enumerations whose variants have fields, as they are hashed and stored.

/// Declares an enumeration of records: each variant travels as the array of its number and its
/// fields in order. An unknown number, or another count of fields, is refused.
macro_rules! tagged {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal
        { $($(#[$fmeta:meta])* $field:ident : $type:ty),* $(,)? }),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant { $($(#[$fmeta])* $field: $type),* }),* }

        impl standfast_wire::codec::Field for $name {
            fn put(&self, w: &mut standfast_wire::codec::Writer) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        let fields = <[&str]>::len(&[$(stringify!($field)),*]);
                        standfast_wire::codec::put_array(w, 1 + fields);
                        let code: u8 = $code;
                        standfast_wire::codec::Field::put(&code, w);
                        $(standfast_wire::codec::Field::put($field, w);)*
                    })*
                }
            }
            fn take(
                r: &mut standfast_wire::codec::Reader<'_>,
            ) -> Result<Self, standfast_wire::codec::Malformed> {
                use standfast_wire::codec::{Field, Malformed};
                let fields = r.array()?.and_then(|len| len.checked_sub(1)).ok_or(Malformed)?;
                match <u8 as Field>::take(r)? {
                    $($code if fields == <[&str]>::len(&[$(stringify!($field)),*]) as u64 => {
                        Ok(Self::$variant { $($field: Field::take(r)?),* })
                    })*
                    _ => Err(Malformed),
                }
            }
        }
    };
}

pub(crate) use tagged;
