import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { limitsOf, printLimits, readLimits } from "./limits.ts";

test("docs/limits.md is what the sources say: `npm run limits` writes it", () => {
  expect(readFileSync("docs/limits.md", "utf8")).toBe(printLimits(readLimits()));
});

test("constants are found with their values, units and reasons, wherever the comment stands", () => {
  const text = [
    "/** As many as a",
    " * crowd. And more. */",
    "export const CROWD_MAX = 2 ** 3;",
    "const WAIT_MS_MAX = 5_000; // nobody waits longer",
    "const OTHER = 1;",
    "const NAME_BYTES_MAX = 255;",
  ].join("\n");
  expect(limitsOf("kernel/x.ts", text)).toEqual([
    { name: "CROWD_MAX", value: "2 ** 3", unit: "", reason: "As many as a crowd", file: "kernel/x.ts" },
    { name: "WAIT_MS_MAX", value: "5_000", unit: "ms", reason: "nobody waits longer", file: "kernel/x.ts" },
    { name: "NAME_BYTES_MAX", value: "255", unit: "bytes", reason: "", file: "kernel/x.ts" },
  ]);
});

test("the limits that a node is configured with are among them", () => {
  const names = new Set(readLimits().map(({ name }) => name));
  for (const name of ["packetBytesMax", "futureSkewMs", "FRAME_BYTES_MAX", "ENTRIES_MAX", "CONNECTIONS_MAX"])
    expect(names.has(name)).toBe(true);
});
