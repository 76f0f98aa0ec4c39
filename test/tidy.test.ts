import { existsSync, readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { codeOf, type Source, violations } from "./tidy.ts";

function readTree(): readonly Source[] {
  const rooms = ["kernel", "adapters", "sim", "test", "bench"].filter((room) => existsSync(room));
  return rooms.flatMap((room) => {
    const names = readdirSync(room, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    );
    return names.map((name) => ({ path: `${room}/${name}`, text: readFileSync(`${room}/${name}`, "utf8") }));
  });
}

const tree = readTree();

test("the fences hold in the whole tree", () => {
  expect(tree.filter((source) => source.path.startsWith("kernel/")).length).toBeGreaterThan(5);
  expect(violations(tree)).toEqual([]);
});

/** Each rule, with a violation that it must catch. */
const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
  ["import direction", "kernel/gossip/x.ts", 'import { a } from "../fetch/slots.ts";'],
  ["import direction", "kernel/wire/x.ts", 'import { a } from "../gossip/round.ts";'],
  ["import direction", "kernel/ids.ts", 'import { a } from "../adapters/port.ts";'],
  ["import direction", "kernel/index/x.ts", 'import { a } from "../node.ts";'],
  ["import direction", "kernel/x.ts", 'import fs from "node:fs";'],
  ["import direction", "kernel/x.ts", 'import { WebSocket } from "ws";'],
  ["import direction", "adapters/x.ts", 'import { a } from "../kernel/wire/frame.ts";'],
  ["import direction", "adapters/x.ts", 'import { a } from "../sim/world.ts";'],
  ["import direction", "adapters/x.ts", 'import _ from "lodash";'],
  ["import direction", "adapters/driver.ts", 'import fs from "node:fs";'],
  ["import direction", "sim/world.ts", 'import fs from "node:fs";'],
  ["import direction", "sim/world.ts", 'import { build } from "esbuild";'],
  ["import direction", "sim/crypto.ts", 'import { createBLAKE2b } from "hash-wasm";'],
  ["import direction", "sim/page/page.ts", 'import fs from "node:fs";'],
  ["import direction", "sim/world.ts", 'import { a } from "../kernel/wire/message.ts";'],
  ["import direction", "sim/world.ts", 'import { a } from "../adapters/udp.ts";'],
  ["no Date", "kernel/x.ts", "const now = Date.now();"],
  ["no Math.random", "kernel/x.ts", "const dice = Math.random();"],
  ["no async", "kernel/x.ts", "export async function f() {}"],
  ["no async", "kernel/x.ts", "export function f(): Promise<void> { return g(); }"],
  ["no any", "kernel/x.ts", "export function f(value: any) {}"],
  ["no any", "kernel/x.ts", "const y = x as any;"],
  ["no locale", "kernel/x.ts", "a.localeCompare(b);"],
  ["no locale", "kernel/x.ts", "new Intl.Collator();"],
  ["no bare sort", "kernel/x.ts", "names.sort();"],
  ["no bare sort", "kernel/x.ts", "names.toSorted();"],
  ["no weak references", "kernel/x.ts", "new WeakRef(x);"],
  ["no timers", "kernel/x.ts", "setTimeout(f, 1);"],
];

test.each(planted)("%s is caught in %s: %s", (rule, path, text) => {
  expect(violations([{ path, text }]).map((found) => found.rule)).toContain(rule);
});

test("an import cycle is caught", () => {
  const found = violations([
    { path: "kernel/a.ts", text: 'import { b } from "./b.ts";' },
    { path: "kernel/b.ts", text: 'import { a } from "./a.ts";' },
  ]);
  expect(found.map((each) => each.rule)).toEqual(["import cycle"]);
});

test("a loopback subnet of two test files is caught, one of a single file is not", () => {
  const text = 'const rig = await Rig.create("127.0.99"); // and "127.0.99.1"';
  const found = violations([
    { path: "test/a.test.ts", text },
    { path: "test/b.test.ts", text: 'const nobody = "127.0.99.7"; const here = "127.0.0.1";' },
  ]);
  expect(found).toEqual([
    { path: "test/b.test.ts", rule: "one file a subnet", what: "127.0.99 of test/a.test.ts" },
  ]);
  expect(violations([{ path: "test/a.test.ts", text: text.repeat(2) }])).toEqual([]);
});

test("words in comments and in quotes are not code", () => {
  expect(codeOf('// a Date\nconst x = "Math.random()"; /* any */')).not.toMatch(/Date|random|any/);
});

test("no file of the project leaves a test out", () => {
  const left = /\b(test|it|describe)\.(skip|only|todo)\(/;
  expect(tree.filter((source) => left.test(codeOf(source.text))).map((source) => source.path)).toEqual([]);
  const planted = ["only", "skip", "todo"].map((how) => codeOf(`test.${how}("x", f)`));
  for (const text of planted) expect(text).toMatch(left);
});
