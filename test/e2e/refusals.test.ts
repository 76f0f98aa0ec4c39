/** Every refusal: in one clear line, with a status that is not 0, and nothing changed on any disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { Rig, rowsOf, until } from "./rig.ts";

let rig: Rig;
let before = "";
const disks = () => [1, 2].map((server) => readTree(rig.path(`server-${server}`)).digest).join(" ");

beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.24");
  for (const server of [1, 2]) rig.configure(server, [1, 2], { fixed: { appendOnly: true } });
  await rig.startAll(2);
  for (const [folder, content] of [
    ["one", "first"],
    ["two", "second"],
  ] as const) {
    mkdirSync(rig.path(folder));
    writeFileSync(rig.path(folder, "file"), content);
  }
  for (const [path, mode] of [
    ["/site/current", "--replace"],
    ["/fixed/v1", "--append"],
  ] as const) {
    const sent = await rig.sync(mode, `${rig.path("one")}:${path}`, rig.addressOf(1));
    expect(sent.status).toBe(0);
  }
  await until("both servers are at rest", async () => {
    const pages = (await Promise.all([rig.page(1), rig.page(2)])) as { images: number; downloads: number }[];
    return pages.every(({ images, downloads }) => images === 2 && downloads === 0);
  });
  await until("nothing is written any more", async () => {
    before = disks();
    await new Promise((done) => setTimeout(done, 2_500)); // a displaced tree and the counters settle
    return before === disks();
  });
});
afterAll(() => rig.close());

type Refusal = {
  readonly name: string;
  readonly args: (path: (name: string) => string) => readonly string[];
  readonly says: RegExp;
  readonly status: number;
};

const OTHER_ID = "0123456789abcdef".repeat(4);
const REFUSALS: readonly Refusal[] = [
  {
    name: "an unconfigured path",
    args: (path) => ["--replace", `${path("two")}:/nowhere/current`],
    says: /127\.0\.24\.[12].*no_config|no_config.*127\.0\.24\.[12]/,
    status: 3,
  },
  {
    name: "another level",
    args: (path) => ["--replace", `${path("two")}:/site/too/deep`],
    says: /config_level_mismatch/,
    status: 3,
  },
  {
    name: "append over another image",
    args: (path) => ["--append", `${path("two")}:/site/current`],
    says: /already_exists/,
    status: 3,
  },
  {
    name: "replace in a directory that is append-only",
    args: (path) => ["--replace", `${path("two")}:/fixed/v1`],
    says: /dir_is_append_only/,
    status: 3,
  },
  {
    name: "an old image that is not there",
    args: (path) => ["--replace", `${path("two")}:/site/current:${OTHER_ID}`],
    says: /replace_doesnt_match_index/,
    status: 3,
  },
  {
    name: "a path with ..",
    args: (path) => ["--replace", `${path("two")}:/site/../etc`],
    says: /\/site\/\.\.\/etc/,
    status: 1,
  },
  {
    name: "the root",
    args: (path) => ["--replace", `${path("two")}:/`],
    says: /"\/"/,
    status: 1,
  },
  {
    name: "a source that is not there",
    args: (path) => ["--replace", `${path("missing")}:/site/current`],
    says: /missing/,
    status: 1,
  },
];

test.each(REFUSALS)("$name", async ({ args, says, status }) => {
  const ended = await rig.sync("-m", ...args((name) => rig.path(name)), rig.addressOf(1), rig.addressOf(2));
  expect(ended.status).toBe(status);
  expect(ended.stderr).toMatch(says);
  expect(ended.stdout).toBe("");
  expect(disks()).toBe(before);
});

test("a key that the servers do not have: the keys that were tried are named", async () => {
  const keys = newKeyPair("stranger");
  writeFileSync(rig.path("stranger"), keys.private, { mode: 0o600 });
  const upload = ["--replace", `${rig.path("two")}:/site/current`, rig.addressOf(1)];
  const ended = await rig.client(["sync", "-i", rig.path("stranger"), ...upload]);
  expect(ended.status).toBe(3);
  expect(ended.stderr).toMatch(/signature_mismatch/);
  expect(ended.stderr).toContain(keys.public.split(" ").slice(0, 2).join(" "));
  expect(ended.stdout).toBe("");
  expect(disks()).toBe(before);
});

test("as objects: the refusals, and last the result", async () => {
  const ended = await rig.sync("--json", "--replace", `${rig.path("two")}:/fixed/v1`, rig.addressOf(1));
  const lines = rowsOf(ended);
  expect(lines).toContainEqual(
    expect.objectContaining({ type: "rejected", path: "/fixed/v1", reason: "dir_is_append_only" }),
  );
  expect(lines.at(-1)).toMatchObject({ type: "result" });
  expect(ended.status).toBe(3);
});
