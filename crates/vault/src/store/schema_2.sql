-- What is known of a meeting's passphrase: a check, and the stretched passphrase if it is to be
-- remembered. NULL: the meeting has none.
ALTER TABLE meetings ADD COLUMN sealed_passphrase BLOB;
