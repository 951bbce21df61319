/** How hard a meeting's passphrase is to guess for somebody who has the link: in plain words, and no rule. */

export type Strength = "empty" | "easy" | "fair" | "hard";

/** Different characters that a text needs before its length says anything: "aaaaaaaaaaaa" has one. */
const DIFFERENT = 6;

export function strength(passphrase: string): Strength {
  const text = passphrase.trim().normalize("NFKC");
  if (text === "") return "empty";
  const characters = [...text.toLocaleLowerCase()];
  const words = text.split(/\s+/u).filter((word) => word.length >= 3);
  if (characters.length < 8 || new Set(characters).size < DIFFERENT || isRun(characters)) return "easy";
  const different = new Set(words.map((word) => word.toLocaleLowerCase())).size;
  return different >= 4 || (different < 2 && characters.length >= 16 && mixed(text)) ? "hard" : "fair";
}

/** Neighbours on the keyboard or in the alphabet: "abcdefgh", "12345678". */
const ROWS = ["abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "qwertzuiop", "asdfghjkl", "01234567890"];
function isRun(characters: string[]): boolean {
  const text = characters.join("");
  const back = [...characters].reverse().join("");
  return ROWS.some((row) => row.includes(text) || row.includes(back));
}

/** Letters and digits mixed, as a password generator writes them. */
const mixed = (text: string) => /\p{L}/u.test(text) && /\d/u.test(text);
