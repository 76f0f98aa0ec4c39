/**
 * A thousand images that were signed over the last days, on three servers that have not the same of them, in a directory
 * with `keep-min 2, keep-max 100, keep-recent 1 day` and a keep list: what stays is what config.md 5 says, and nothing
 * that is listed ever goes. States, indexes and trees are written as the specification has them, by code of the tests.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, until } from "../e2e/rig.ts";
import { imagesIn, plantImage } from "../interop/disk.ts";
import type { Key } from "../interop/image.ts";
import { tree, type Tree } from "../interop/tree.ts";

const SERVERS = [1, 2, 3];
const IMAGES = 1_000;
const [KEEP_MIN, KEEP_MAX, DAY_MS] = [2, 100, 86_400_000];
const RECENT = 150; // more than keep-max
const WAIT_MS = 90_000;

type Planted = {
  readonly name: string;
  readonly signedAt: number;
  readonly listed: boolean;
  readonly content: Tree;
};

let rig: Rig;
let key: Key;
let planted: readonly Planted[];
let listed: readonly string[];
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.60");
  const privateText = readFileSync(rig.keyFile, "utf8");
  key = { file: rig.keyFile, privateText, publicLine: rig.publicKey };
  const now = Date.now();
  // The age is not in the order of the names; none comes near to a day while the test runs.
  planted = Array.from({ length: IMAGES }, (_, at) => {
    const rank = (at * 377) % IMAGES;
    const age = rank < RECENT ? rank * 60_000 : DAY_MS + (rank - RECENT + 60) * 60_000;
    const name = `v${String(at).padStart(4, "0")}`;
    return { name, signedAt: now - age, listed: at % 25 === 3, content: tree({ "/file": name }) };
  });
  listed = planted.filter((each) => each.listed).map(({ name }) => name);
});
afterAll(() => rig.close());

/** The rules once more, step by step as they are written there. */
function keptBy(images: readonly Planted[], now: number): readonly string[] {
  if (images.length <= KEEP_MIN) return images.map(({ name }) => name).toSorted();
  const newest = images.toSorted((a, b) => b.signedAt - a.signedAt);
  const recent = newest.filter(({ signedAt }) => signedAt >= now - DAY_MS);
  const others = newest.filter(({ signedAt }) => signedAt < now - DAY_MS);
  others.unshift(...recent.splice(KEEP_MAX));
  const kept = [...recent, ...others.filter(({ listed }) => listed)];
  for (const each of others) if (kept.length < KEEP_MIN && !kept.includes(each)) kept.push(each);
  return kept.map(({ name }) => name).toSorted();
}

function plantOn(server: number, path: string, signedAt: number, content: Tree): void {
  const own = rig.path(`server-${server}`);
  plantImage({ db: `${own}/db`, folder: `${own}${path}`, path, content, signedAt, key });
}

/** Two of which one goes, in a directory without a list: when it is gone, its server has looked at all of them twice. */
function plantProof(server: number): void {
  for (const [name, days] of [
    ["goes", 3],
    ["stays", 2],
  ] as const)
    plantOn(server, `/proof/${name}`, Date.now() - days * DAY_MS, tree({ "/file": name }));
}

const listOf = (server: number) => rig.path(`keep-${server}`);
const imagesOn = (server: number, directory = "old") => imagesIn(rig.rootOf(server, directory));
const inodesOn = (server: number, names: readonly string[]) =>
  names.map((name) => statSync(`${rig.rootOf(server, "old")}/${name}`).ino);
const keepListProblem = async (server: number) =>
  /keep list of old/.test(JSON.stringify(await rig.page(server)));

test("without a list that can be read nothing goes, and that is reported; with it exactly the others go, everywhere", async () => {
  const text = `# the archive\n${listed.join("\n")}\nnobody-has-this\n`;
  for (const server of SERVERS) {
    const rules = [
      "auto-clean: true",
      `keep-min-directories: ${KEEP_MIN}`,
      `keep-max-directories: ${KEEP_MAX}`,
    ];
    const old = [...rules, "keep-recent: 1 day", `keep-list-file: ${listOf(server)}`, ""];
    const proof = [rules[0], "keep-min-directories: 1", "keep-max-directories: 1", "keep-recent: 1s", ""];
    rig.configure(server, SERVERS, {
      old: { more: old.join("\n") },
      proof: { more: proof.join("\n") },
    });
  }
  const here = new Map(SERVERS.map((server) => [server, planted.filter((_, at) => isOn(server, at))]));
  for (const [server, images] of here)
    for (const { name, signedAt, content } of images) plantOn(server, `/old/${name}`, signedAt, content);
  for (const server of [1, 2]) plantProof(server);
  mkdirSync(listOf(2)); // root reads everything, but no directory
  writeFileSync(listOf(3), text);
  const inodes = inodesOn(1, listed);
  await Promise.all(SERVERS.map((server) => rig.start(server)));
  for (const server of [1, 2]) {
    await until("it has looked twice", () => imagesOn(server, "proof").join() === "stays", WAIT_MS);
    const found = new Set(imagesOn(server));
    expect(
      here
        .get(server)
        ?.filter(({ name }) => !found.has(name))
        .map(({ name }) => name),
    ).toEqual([]);
    expect(await keepListProblem(server)).toBe(true);
  }

  rmSync(listOf(2), { recursive: true });
  for (const server of [1, 2]) writeFileSync(listOf(server), text);
  const kept = keptBy(planted, Date.now());
  expect(kept).toHaveLength(KEEP_MAX + listed.length - listedAmongRecent());
  await until(
    "all have what is kept, and nothing else",
    () => {
      // Nothing listed is missing for a moment, not even on the way.
      const missing = inodesOn(1, listed).findIndex((inode, at) => inode !== inodes[at]);
      if (missing >= 0) throw new Error(`${listed[missing]} was removed, or came anew`);
      return SERVERS.every((server) => imagesOn(server).join() === kept.join());
    },
    WAIT_MS,
  );
  for (const server of SERVERS) expect(await keepListProblem(server)).toBe(false);
  await Promise.all(SERVERS.map((server) => rig.stop(server)));
  await Promise.all(SERVERS.map((server) => rig.start(server)));
  for (const server of SERVERS) expect(imagesOn(server)).toEqual(kept);
}, 600_000);

/** The first has all, the second most, the third none. */
function isOn(server: number, at: number): boolean {
  return server === 1 || (server === 2 && at % 17 !== 5);
}

function listedAmongRecent(): number {
  const recent = planted.toSorted((a, b) => b.signedAt - a.signedAt).slice(0, KEEP_MAX);
  return recent.filter((each) => each.listed).length;
}
