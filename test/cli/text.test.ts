import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatBytes,
  formatClock,
  formatElapsed,
  jsonLine,
  printable,
  quoted,
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
