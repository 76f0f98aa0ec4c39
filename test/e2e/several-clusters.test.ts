/** One edit for several clusters: the first is read, all are changed, each on condition that it has what was read. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { type Ended, plant, resultOf, Rig, until } from "./rig.ts";

/** Two clusters of two. */
const CLUSTERS = [
  [1, 2],
  [3, 4],
] as const;
let rig: Rig;
let editor: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.65");
  for (const cluster of CLUSTERS)
    for (const server of cluster) {
      rig.configure(server, cluster);
      await rig.start(server);
    }
  const source = plant(rig.path("source"), { "data.json": "one", other: "other" });
  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(1), rig.addressOf(3));
  if (sent.status !== 0) throw new Error(sent.stderr);
  editor = rig.script('printf %s "$TEXT" > "$1"');
});
afterAll(() => rig.close());

function edit(text: string, ...hosts: readonly number[]): Promise<Ended> {
  const words = ["--json", "-d", "/site/current", "-f", "/data.json", "-t", "20s"];
  return rig.client(rig.signed("edit", ...words, ...hosts.map((each) => rig.addressOf(each))), {
    CIRUELA_EDITOR: editor,
    TEXT: text,
  });
}

type Result = {
  readonly partial: boolean;
  readonly uploads: readonly { readonly cluster: string; readonly ok: boolean }[];
};
const content = (server: number) => readFileSync(`${rig.rootOf(server)}/current/data.json`, "utf8");
const has = (text: string, servers: readonly number[]) =>
  until(`${servers.join(", ")} have ${text}`, () => servers.every((each) => content(each) === text));

test("all servers of all clusters have it", async () => {
  expect(await edit("two", 1, 3)).toMatchObject({ status: 0 });
  await has("two", [1, 2, 3, 4]);
});

test("a cluster that has something else keeps it, the other one is changed, and which is which is told", async () => {
  expect(await edit("theirs", 3)).toMatchObject({ status: 0 });
  await has("theirs", [3, 4]);
  const ended = await edit("three", 1, 3);
  expect(ended.status).toBe(3);
  const { partial, uploads } = resultOf(ended) as Result;
  const byName = uploads.toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1));
  expect({ partial, byName }).toMatchObject({
    partial: true,
    byName: [
      { cluster: rig.addressOf(1), ok: true },
      { cluster: rig.addressOf(3), ok: false },
    ],
  });
  expect(ended.stdout).toContain("replace_doesnt_match_index");
  expect(ended.stdout).toContain("text_kept");
  await has("three", [1, 2]);
  expect([3, 4].map(content)).toEqual(["theirs", "theirs"]);
});
