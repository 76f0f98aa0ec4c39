/** What a disk has lost on a server that runs: found by reading, told, and mended from another one. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { plant, Rig, until } from "./rig.ts";

type Problem = { readonly about: string; readonly what: string };

const OFTEN = ["--scrub-every", "1s"];
const BIG = Array.from({ length: 30_000 }, (_, at) => String(at)).join(" "); // some blocks, none like another
const MENDED_MS = 60_000; // a peer that was away is dialled again after up to 30 s
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.71");
  for (const each of [1, 2]) rig.configure(each, [1, 2]);
  await Promise.all([rig.start(1, ...OFTEN), rig.start(2, ...OFTEN)]);
  // The second has a file more, and links the others.
  for (const [name, more] of [["v1"], ["v2", "more"]] as const) {
    const source = plant(rig.path(name), {
      big: BIG,
      "sub/small": "small",
      ...(more === undefined ? {} : { more }),
    });
    const sent = await rig.sync("--append", `${source}:/site/${name}`, "--confirm", "2", rig.addressOf(1));
    if (sent.status !== 0) throw new Error(sent.stderr);
  }
});
afterAll(() => rig.close());

const problemsOf = async (server: number): Promise<readonly Problem[]> =>
  ((await rig.page(server)) as { readonly problems: readonly Problem[] }).problems;
const fileOf = (server: number, path: string): string => `${rig.rootOf(server)}/${path}`;
const inodeOf = (server: number, path: string): number => statSync(fileOf(server, path)).ino;

/** One bit, without a word to anybody. */
function flip(path: string, offset: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, offset);
  writeSync(file, Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  closeSync(file);
}

/** The index of the image of which it says something, by its bytes. */
function indexOf(server: number, word: string): string {
  const folder = rig.path(`server-${server}`, "db/indexes");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`);
  const found = names.find((name) => name.endsWith(".ds1") && readFileSync(name, "latin1").includes(word));
  if (found === undefined) throw new Error(`no index with ${word} among ${names.join(" ")}`);
  return found;
}

const lines = (server: number, words: string): number =>
  rig
    .logOf(server)
    .split("\n")
    .filter((line) => line.includes(words)).length;

test("a bit of a file that two images share is told of both, and mended in both", {
  timeout: 120_000,
}, async () => {
  expect(inodeOf(2, "v1/big")).toBe(inodeOf(2, "v2/big"));
  await rig.stop(1);
  flip(fileOf(2, "v1/big"), 70_000);
  expect(readFileSync(fileOf(2, "v2/big"), "latin1")).not.toBe(BIG);
  await until("it is said of both", async () => (await problemsOf(2)).length === 2);
  const told = await problemsOf(2);
  expect(told.map(({ about }) => about).toSorted()).toEqual(["damage of /site/v1", "damage of /site/v2"]);
  for (const { what } of told) expect(what).toContain("/big has other bytes: it is fetched again");
  await rig.start(1, ...OFTEN);
  await until("it is over", async () => (await problemsOf(2)).length === 0, MENDED_MS);
  for (const name of ["v1", "v2"]) {
    expect(readFileSync(fileOf(2, `${name}/big`), "latin1")).toBe(BIG);
    expect(readFileSync(fileOf(2, `${name}/sub/small`), "latin1")).toBe("small");
  }
  expect(await problemsOf(1)).toEqual([]);
  expect(lines(2, "image_damaged")).toBe(2);
});

test("a bit of an index is told, and the image is whole and served again", { timeout: 120_000 }, async () => {
  await rig.stop(1);
  const [rotten, sound] = [indexOf(2, "more"), readFileSync(indexOf(1, "more"))];
  flip(rotten, 100);
  await until("it is said", async () => (await problemsOf(2)).length === 1);
  const [told] = await problemsOf(2);
  expect(told).toMatchObject({
    about: "damage of /site/v2",
    what: expect.stringContaining("its index is lost"),
  });
  await rig.start(1, ...OFTEN);
  await until("it is over", async () => (await problemsOf(2)).length === 0, MENDED_MS);
  expect(readFileSync(rotten)).toEqual(sound);
  expect(lines(2, "its index is lost")).toBe(2); // the mark, and the problem
  // A server that has nobody else gets it from there.
  await rig.stop(1);
  rig.configure(3, [2]);
  await rig.start(3);
  await until(
    "a late server has both",
    () => readdirSync(rig.rootOf(3)).filter((name) => !name.startsWith(".")).length === 2,
    MENDED_MS,
  );
  expect(readFileSync(fileOf(3, "v2/more"), "latin1")).toBe("more");
  await rig.stop(3);
});

test("an upload of what is damaged mends it, and ends when it is mended", { timeout: 120_000 }, async () => {
  flip(fileOf(2, "v1/sub/small"), 0);
  await until("it is said", async () =>
    (await problemsOf(2)).some(({ about }) => about === "damage of /site/v1"),
  );
  const sent = await rig.sync("--append", `${rig.path("v1")}:/site/v1`, "--confirm", "1", rig.addressOf(2));
  expect(`${sent.stderr}${sent.status}`).toMatch(/0$/);
  expect(readFileSync(fileOf(2, "v1/sub/small"), "latin1")).toBe("small");
});
