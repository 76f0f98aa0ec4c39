import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatBytes,
  formatClock,
  formatElapsed,
  jsonLine,
  printable,
  quoted,
  shellWord,
} from "../../adapters/cli/text.ts";

const HARMFUL = /[\p{Cc}\p{Surrogate}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;
const anyText = fc.string({ unit: "binary", maxLength: 200 });

test("no text makes a terminal do anything, whatever it holds", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(printable(text)).not.toMatch(HARMFUL);
      expect(quoted(text)).not.toMatch(HARMFUL);
    }),
  );
});

test("a JSON line is one line, harmless, and says what was meant", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const line = jsonLine({ text });
      expect(line).not.toMatch(HARMFUL);
      expect(JSON.parse(line)).toEqual({ text });
    }),
  );
});

test("a quoted text without harm can be read back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 100 }), (text) => {
      expect(JSON.parse(quoted(text))).toBe(text);
    }),
  );
});

test("words for a shell are what the shell gives, and make a terminal do nothing", () => {
  const word = fc
    .string({ unit: "binary", minLength: 1, maxLength: 40 })
    .map((text) => text.replaceAll("\0", ""));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), (words) => {
      const line = words.map(shellWord).join(" ");
      expect(line).not.toMatch(HARMFUL);
      const { stdout } = spawnSync("bash", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" });
      expect(stdout.split("\0").slice(0, -1)).toEqual(words);
    }),
    {
      numRuns: 30,
      examples: [[["a b", "it's", "~", "$x", "`y`", "\n", "\u001b[0m", "\u202e", "[::1]:1", "\\", ""]]],
    },
  );
});

test("a long text is cut", () => {
  expect(printable("x".repeat(2_000))).toBe(`${"x".repeat(1_024)}...`);
});

test.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_024, "1.0 KiB"],
  [1_048_575, "1.0 MiB"],
  [5_000_000, "4.8 MiB"],
  [2 ** 30, "1.0 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("times are written as 0.6.12 does", () => {
  expect([123, 1_234, 9_999, 12_345].map(formatElapsed)).toEqual(["0.123s", "1.2s", "10.0s", "12s"]);
  expect([0, 7_000, 720_000, 10_800_000].map(formatClock)).toEqual(["0:00", "0:07", "12:00", "3:00:00"]);
});
