//! A dumb, ordered bulletin board and media fan-out that sees only ciphertext.
