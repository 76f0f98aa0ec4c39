/** Auto-clean: the same images stay on every server, also on one that comes later, and what is listed is never removed. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

const LOOKS_MS = 60_000; // two looks are ten seconds apart
const SERVERS = [1, 2, 3];
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.69");
});
afterAll(() => rig.close());

const imagesOn = (server: number): readonly string[] =>
  readdirSync(rig.rootOf(server, "old"))
    .filter((name) => !name.startsWith("."))
    .toSorted();

function indexesOf(server: number): number {
  const folder = rig.path(`server-${server}`, "db/indexes");
  return readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith(".ds1")).length;
}

function configure(server: number, peers: readonly number[]): void {
  const more = [
    "auto-clean: true",
    `keep-list-file: ${rig.path("keep")}`,
    "keep-min-directories: 3",
    "keep-max-directories: 3",
    "keep-recent: 1s",
    "",
  ].join("\n");
  rig.configure(server, peers, { old: { more } });
}

test("what is not kept goes from all servers and does not come back", { timeout: 120_000 }, async () => {
  writeFileSync(rig.path("keep"), "# for the archive\nv1\n");
  for (const server of SERVERS) configure(server, SERVERS);
  await Promise.all(SERVERS.map((each) => rig.start(each, "--aggressive-index-gc")));
  const source = rig.path("source");
  mkdirSync(source);
  for (const version of ["v1", "v2", "v3", "v4"]) {
    writeFileSync(`${source}/file`, version);
    const ended = await rig.sync("--append", `${source}:/old/${version}`, rig.addressOf(1));
    expect(ended.stderr + String(ended.status)).toMatch(/0$/);
  }
  const kept = ["v1", "v3", "v4"];
  await until(
    "v2 is gone everywhere",
    () => SERVERS.every((each) => imagesOn(each).join() === kept.join()),
    LOOKS_MS,
  );

  await until("its index is gone as well", () => indexesOf(1) === kept.length);

  // Nothing is left of it, and a server that starts anew, or comes only now, has the same.
  await until("no tree is left behind", () =>
    SERVERS.every((each) => readdirSync(rig.rootOf(each, "old")).length === kept.length),
  );
  await rig.stop(2);
  configure(4, [1]);
  await Promise.all([rig.start(2), rig.start(4)]);
  await until("the fourth has them as well", () => imagesOn(4).join() === kept.join());
  expect(imagesOn(2)).toEqual(kept);

  // Without the list nothing is removed, and the operator is told.
  rmSync(rig.path("keep"));
  writeFileSync(`${source}/file`, "v5");
  await rig.sync("--append", `${source}:/old/v5`, rig.addressOf(1));
  const told = async (): Promise<boolean> => JSON.stringify(await rig.page(1)).includes("keep list of old");
  await until("it is a problem", told, LOOKS_MS);
  expect(imagesOn(1)).toEqual([...kept, "v5"]);
  expect(rig.logOf(1)).toContain("keep_list_problem");
});
