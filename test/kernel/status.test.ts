import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";

import { parseBaseDirsPage } from "../../kernel/node/comparing.ts";
import { createNode } from "../../kernel/node.ts";
import type { MachineId, MonoMs, UnixMs } from "../../kernel/ids.ts";
import { parseRfc3339, rfc3339 } from "../../kernel/rfc3339.ts";
import { statusPage } from "../../kernel/status.ts";

const now = { mono: 0 as MonoMs, wall: 0 as UnixMs };
const config = {
  machine: "01".repeat(16) as MachineId,
  hostname: "n1",
  port: 24783,
  directories: [],
  acceptUnlisted: false,
  limits: DEFAULT_LIMITS,
};

test("times are written as any other program writes them, and years beyond 9999 do no harm", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(rfc3339(ms)).toBe(new Date(ms).toISOString());
      expect(parseRfc3339(rfc3339(ms))).toBe(ms);
    }),
  );
  expect(rfc3339(Number.MAX_SAFE_INTEGER)).toMatch(/^287396-/);
});

test.each([
  ["2018-10-01T12:34:56Z", 1_538_397_296_000],
  ["2018-10-01T12:34:56.7+00:00", 1_538_397_296_700],
  ["2018-10-01T12:34:56.789123456Z", 1_538_397_296_789],
  ["2018-10-01T12:34:56+02:00", null],
  ["2018-13-01T12:34:56Z", null],
  ["2018-10-01T24:34:56Z", null],
  ["1969-12-31T23:59:59Z", null],
  ["2018-10-01 12:34:56Z", null],
  ["12018-10-01T12:34:56Z", null],
  ["", null],
])("the time %j of other programs is %j", (text, ms) => {
  expect(parseRfc3339(text)).toBe(ms);
});

test("a page is found by its exact path alone", () => {
  const node = createNode(config, "seed", now);
  for (const path of [
    "/status/",
    "/downloading/",
    "/base-dirs/",
    "/configs/",
    "/deleted/",
    "/watching/",
    "/watched/",
    "/peers/",
  ]) {
    expect(statusPage(node, path)).not.toBeNull();
    expect(statusPage(node, path.slice(0, -1))).toBeNull();
  }
  for (const path of ["/", "", "/status/?x", "/list-dir/", "/list-dir/../x", "/list-dir//", "/__proto__/"]) {
    expect(statusPage(node, path)).toBeNull();
  }
});

test("a page of base directories from outside is read as far as it is one", () => {
  const page = (value: unknown) => parseBaseDirsPage(Buffer.from(JSON.stringify(value)));
  const hash = "ab".repeat(32);
  expect(
    page({ "/a": { hash, num_subdirs: 1 }, "/b/../c": { hash }, "/d": { hash: "x" }, "/e": null }),
  ).toEqual([["/a", hash]]);
  for (const wrong of [[], null, 1, "x", { "/a": 1 }]) expect(page(wrong)).toEqual([]);
  expect(parseBaseDirsPage(Buffer.from("{"))).toEqual([]);
  expect(parseBaseDirsPage(Buffer.from([0xff]))).toEqual([]);
});
