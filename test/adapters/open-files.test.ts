import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { connectionsFor, filesMax, limitIn } from "../../adapters/daemon/open-files.ts";

test.each([
  [1_000, 1_048_576, 1_000],
  [1_000, 1_024, 768],
  [1_000, 300, 75],
  [1_000, 64, 16],
  [10, 64, 10],
  [1_000, null, 1_000],
])("of %d connections, with %d descriptors, there may be %d", (asked, files, may) => {
  expect(connectionsFor(asked, files)).toBe(may);
});

test("the limit is the soft one of this process; without a limit there is none", () => {
  const text = readFileSync("/proc/self/limits", "utf8");
  expect(limitIn(text)).toBe(filesMax());
  const row = "Max open files            64                   4096                 files     \n";
  expect(limitIn(`Limit Soft Hard Units\n${row}`)).toBe(64);
  expect(limitIn(row.replace("64  ", "unlimited"))).toBeNull();
});
