/** Names that some file system may take for one, judged by the tables of the runtime. */
import { expect, test } from "vitest";
import { alikeOf } from "../../kernel/storage/alike.ts";
import type { FileName } from "../../kernel/storage/call.ts";

const nameOf = (text: string) => Buffer.from(text).toString("latin1") as FileName;
const isAlike = (a: string, b: string) => alikeOf([nameOf(a), nameOf(b)]).length === 1;
const ASCII_SIGN = /[ -/:-@[-`{-~]/;
const CANONICAL = ["NFC", "NFD"] as const;
const COMPATIBLE = ["NFKC", "NFKD"] as const;

const characters = Array.from({ length: 0x11_0000 }, (_, code) => code)
  .filter((code) => code >= 0x80 && (code < 0xd800 || code >= 0xe000))
  .map((code) => String.fromCodePoint(code));

test("a character and its forms are alike, of canonical forms all of them", () => {
  const missed: string[] = [];
  let tried = 0;
  for (const each of characters) {
    const text = `a${each}b`;
    for (const form of [...CANONICAL, ...COMPATIBLE]) {
      const other = text.normalize(form);
      const isSign = form.startsWith("NFK") && ASCII_SIGN.test(other);
      if (other === text || isSign || other.includes("/")) continue;
      tried += 1;
      if (!isAlike(text, other)) missed.push(`${form} of U+${each.codePointAt(0)?.toString(16)}`);
    }
  }
  expect(tried).toBeGreaterThan(30_000);
  expect(missed).toEqual([]);
});

test("a character and its other cases are alike", () => {
  const missed: string[] = [];
  for (const each of characters)
    for (const other of [each.toUpperCase(), each.toLowerCase()])
      if (other !== each && !isAlike(`a${each}b`, `a${other}b`)) missed.push(`${each} ${other}`);
  expect(missed).toEqual([]);
});

test.each([
  ["two letters", ["a", "b"]],
  ["accented letters, composed", ["über", "uber", "ünï", "plain", "größe", "groess"]],
  ["other alphabets", ["ключ", "ключи", "鍵", "鎖", "키", "열쇠", "κλειδί", "κλειδα"]],
  ["names that are not UTF-8", ["\xff", "\xfe"]],
])("%s are not", (_, names) => {
  expect(alikeOf(names.map(nameOf))).toEqual([]);
});

test("what is not seen makes no difference, in groups that are each in the order of the names", () => {
  const names = ["A", "B", "a", "b", "foo", "fo\u200do", "c"].map(nameOf);
  const groups = alikeOf(names);
  expect(groups).toContainEqual([
    nameOf("A"),
    nameOf("B"),
    nameOf("a"),
    nameOf("b"),
    nameOf("foo"),
    nameOf("fo\u200do"),
    nameOf("c"),
  ]);
  expect(alikeOf(["A", "B", "a", "b", "c"].map(nameOf))).toEqual([
    ["A", "a"],
    ["B", "b"],
  ]);
});
