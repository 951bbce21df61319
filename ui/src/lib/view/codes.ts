/** Codes in the groups in which people read them. */

const chunk = <T>(all: T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

/** Digits in groups of five. */
export const groups = (digits: string) => chunk([...digits], 5).map((g) => g.join(""));

/** Rows that are ticked when heard: three words each, or two groups of digits. */
export const wordRows = (words: string[]) => chunk(words, 3);
export const digitRows = (digits: string) => chunk(groups(digits), 2);

/** The whole fingerprint as text, for copying. */
export const asText = (words: string[], digits: string) => `${words.join(" ")}\n${groups(digits).join(" ")}`;

/** What a pasted or scanned code says about an expected one. */
export function checkScan(text: string, expected: string): "same" | "other" | "foreign" {
  const code = text.trim();
  if (code === expected) return "same";
  const scheme = expected.split(":", 1)[0] ?? "";
  return scheme !== "" && scheme !== expected && code.startsWith(`${scheme}:`) ? "other" : "foreign";
}
