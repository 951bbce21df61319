/** The words in use. German comes as a second file; the choice will be made here. */
import { en, type Words } from "./en";

export const w: Words = en;
