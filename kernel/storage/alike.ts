/**
 * Which names of one directory some file system may take for one: by case, by the form of their letters, by characters
 * that are not seen.
 *
 * The tables of a file system are its own, and those of the runtime change with its version: the kernel does not
 * normalise. So names are put together rather than told apart; they are going to be tried, and the disk has the last word.
 */
import { textOfByteString } from "../text.ts";
import type { FileName } from "./call.ts";

/** Groups of two names and more, in the order of the names. */
export function alikeOf(names: readonly FileName[]): readonly (readonly FileName[])[] {
  const cases = names.map(caseOf);
  const vague = new Set(cases.filter((text) => FORMS.test(text)).map(shapeOf));
  const first = new Map<string, FileName>();
  const groups = new Map<string, FileName[]>();
  for (const [at, name] of names.entries()) {
    const text = cases[at] ?? name;
    const shape = vague.size === 0 ? text : shapeOf(text);
    const key = vague.has(shape) ? shape : text;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, name);
      continue;
    }
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [before, name]);
    else group.push(name);
  }
  return [...groups.values()];
}

/** Back and forth, because one letter can be two of the other case, and two letters can have one. */
function caseOf(name: FileName): string {
  if (!NOT_ASCII.test(name)) return name.toLowerCase();
  return (textOfByteString(name) ?? name).toLowerCase().toUpperCase().toLowerCase();
}

/**
 * Equal for texts that are one in some normal form: letters are not told apart, nor how many there are in a row. Not seen
 * is only what stands in ASCII punctuation for compatibility, as U+2026 for three dots.
 */
function shapeOf(text: string): string {
  const plain = text.replace(UNSEEN, "").replace(SIGNS, (sign) => SIGN_OF[sign] ?? sign);
  return plain.replace(LETTERS, "x");
}

const NOT_ASCII = /[\x80-\xff]/;
const UNSEEN = /[\p{M}\p{Default_Ignorable_Code_Point}]/gu;
const LETTERS = /[0-9a-z\x80-\u{10ffff}]+/gu;
/** All that are ASCII punctuation in canonical form, but for a mark. */
const SIGN_OF: Readonly<Record<string, string>> = {
  "\u037e": ";",
  "\u1fef": "`",
  "\u2260": "=",
  "\u226e": "<",
  "\u226f": ">",
};
const SIGNS = /[\u037e\u1fef\u2260\u226e\u226f]/g;
/** What stands in a text that is another one in some normal form, and is not itself the composed one. */
const FORMS = new RegExp(
  `[${[
    "\\p{M}\\p{Default_Ignorable_Code_Point}",
    "\\u1100-\\u11ff", // parts of Hangul syllables
    "\\u0374-\\u037e\\u0384-\\u0387\\u1f71-\\u1fff\\u2000-\\u206f\\u2100-\\u218f\\u2329\\u232a", // signs that are others
    "\\uf900-\\ufaff\\u{2f800}-\\u{2fa1f}", // ideographs that are others
    // Letters and numbers that are there for compatibility.
    "\\p{No}\\xa0-\\xba\\u0132\\u0133\\u013f\\u0140\\u0149\\u017f\\u01c4-\\u01cc\\u01f1-\\u01f3\\u02b0-\\u02e4",
    "\\u03d0-\\u03ff\\u0587\\u0675-\\u0678\\u0e33\\u0eb3\\u0edc\\u0edd\\u0f0c\\u10fc\\u1d2c-\\u1dbf\\u1e9a\\u1e9b",
    "\\u2070-\\u209f\\u20a8\\u222c-\\u2230\\u2460-\\u24ff\\u2a0c\\u2a74-\\u2a76\\u2adc\\u2c7c\\u2c7d\\u2d6f\\u2e9f\\u2ef3",
    "\\u2f00-\\u2fd5\\u3000-\\u33ff\\ua69c\\ua69d\\ua770\\ua7f0-\\ua7f9\\uab5c-\\uab69\\ufb00-\\uffef",
    "\\u{10781}-\\u{107ba}\\u{16d63}-\\u{16d6a}\\u{1ccd6}-\\u{1ccf9}\\u{1d100}-\\u{1d7ff}\\u{1e030}-\\u{1e06d}\\u{1ee00}-\\u{1eeff}",
    "\\u{1f100}-\\u{1f2ff}\\u{1fbf0}-\\u{1fbf9}",
  ].join("")}]`,
  "u",
);
