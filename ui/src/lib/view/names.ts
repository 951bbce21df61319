/** A name inside a button or the security line: long ones are cut, so that the rest of the sentence stays. */
export function brief(name: string, most = 24): string {
  const letters = [...name];
  return letters.length <= most ? name : `${letters.slice(0, most - 1).join("").trimEnd()}…`;
}
