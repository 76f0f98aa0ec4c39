import fc from "fast-check";
import { expect, test } from "vitest";
import {
  compareVPath,
  joinVPath,
  keyOf,
  levelOf,
  nameOf,
  parentOf,
  parseVPath,
  suffixOf,
  type VPath,
} from "../../kernel/ids.ts";
import {
  bytesOf,
  byteString,
  byteStringOfText,
  compareText,
  fromHex,
  textOfByteString,
  toHex,
  utf8Decode,
} from "../../kernel/text.ts";

test.each([
  "",
  "/",
  "a",
  "a/b",
  "/a/",
  "//a",
  "/a//b",
  "/a/./b",
  "/a/../b",
  "/..",
  "/a\0b",
  "/a\ud800",
  `/${"x".repeat(1024)}`,
])("%j is no virtual path", (text) => {
  expect(parseVPath(text)).toBeNull();
});

test("the parts of a virtual path", () => {
  const path = parseVPath("/project/app/v1") as VPath;
  expect([keyOf(path), levelOf(path), parentOf(path), nameOf(path), suffixOf(path)]).toEqual([
    "project",
    2,
    "/project/app",
    "v1",
    ["app", "v1"],
  ]);
  const base = parseVPath("/project") as VPath;
  expect([keyOf(base), levelOf(base), parentOf(base)]).toEqual(["project", 0, null]);
  expect([joinVPath(base, "a"), joinVPath(base, "a/b"), joinVPath(base, ".."), joinVPath(base, "")]).toEqual([
    "/project/a",
    null,
    null,
    null,
  ]);
});

test("paths are ordered by components, not as plain text", () => {
  const paths = ["/a-b", "/a/b", "/a", "/ab", "/a.b"] as VPath[];
  expect(paths.toSorted(compareVPath)).toEqual(["/a", "/a/b", "/a-b", "/a.b", "/ab"]);
});

test("the order of texts is the order of their UTF-8 bytes", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const want = Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
      expect(Math.sign(compareText(a, b))).toBe(want);
    }),
  );
  expect(compareText("\uffff", "\u{10000}")).toBeLessThan(0); // UTF-16 units would say the opposite
});

test("bytes, byte strings, hex and text turn into each other and back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(bytesOf(byteString(bytes))).toEqual(bytes);
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(textOfByteString(byteStringOfText(text))).toBe(text);
    }),
  );
  expect(bytesOf(byteString(new Uint8Array(100_000).fill(255)))).toHaveLength(100_000);
});

test.each([[[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf8, 0x88, 0x80, 0x80, 0x80]], [[0xe2, 0x82]], [[0x80]]])(
  "bytes %j are not text",
  (bytes) => {
    expect(utf8Decode(new Uint8Array(bytes))).toBeNull();
  },
);
