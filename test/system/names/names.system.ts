/**
 * Servers whose images are on file systems that do not keep names as they are: one that takes names for one which differ
 * in case, one that takes short names alone, and NTFS as Windows sees it. What they cannot hold is refused there with a
 * code, before a block is asked for; all else, and all other servers, go on.
 *
 * ext4 and vfat fold too, but not in every kernel: here it is a small file system of ours over FUSE (`foldfs.c`), which is
 * compiled first, and gocryptfs without long names. Needs root, /dev/fuse, and Debian's gcc, libfuse3-dev, gocryptfs and
 * ntfs-3g.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createFileSystem } from "../../../adapters/file-system.ts";
import type { RootName } from "../../../kernel/storage/call.ts";
import { build } from "../../adapters/built.ts";
import { expectFolds, expectShort } from "../../contract/names.ts";
import { plant, Rig, until } from "../../e2e/rig.ts";
import { expectNeeds } from "../rig/needs.ts";
import { CRYPT_NAME_BYTES_MAX, createMounts, type Mounts } from "./mounts.ts";

const ALL = [1, 2, 3];
const BOTH = { README: "capital", readme: "small", "d/other": "other" };

let rig: Rig;
let mounts: Mounts;
beforeAll(async () => {
  expectNeeds("/dev/fuse", "cc", "/usr/include/fuse3/fuse.h", "gocryptfs", "mkntfs");
  await build();
});
beforeEach(async () => {
  rig = await Rig.create("127.0.93");
  mounts = createMounts(rig.path("below"));
});
afterEach(async () => {
  for (const each of ALL) await rig.stop(each).catch(() => null);
  mounts.end();
  await rig.close();
});

type Problem = { readonly about: string; readonly what: string };
const problems = async (server: number) =>
  ((await rig.page(server)) as { problems: readonly Problem[] }).problems;

/** Everything below a folder, with its contents, and when it was changed last. */
function snapshot(top: string): readonly string[] {
  const paths = readdirSync(top, { recursive: true, encoding: "utf8" }).toSorted((a, b) => (a < b ? -1 : 1));
  return paths.map((path) => {
    const stat = lstatSync(`${top}/${path}`);
    const content = stat.isFile() ? readFileSync(`${top}/${path}`, "utf8") : "";
    return `${path} ${stat.mode.toString(8)} ${stat.ino} ${stat.mtimeMs} ${stat.ctimeMs} ${content}`;
  });
}

let trees = 0;
const upload = (files: Readonly<Record<string, string>>, to: string, server: number) => {
  const source = plant(rig.path(`tree-${trees++}`), files);
  return rig.sync("--deadline", "8s", "--replace", `${source}:${to}`, rig.addressOf(server));
};
const contentOf = (server: number, path: string, key = "site") => {
  const file = `${rig.rootOf(server, key)}/${path}`;
  return existsSync(file) ? readFileSync(file, "utf8") : null;
};

test("the file systems do with names what the disk in memory does", async () => {
  mounts.fold(rig.path("folds"));
  mounts.crypt(rig.path("shortens"));
  const fs = await createFileSystem();
  expectFolds(fs, rig.path("folds") as RootName);
  expectShort(fs, rig.path("shortens") as RootName, CRYPT_NAME_BYTES_MAX);
});

test("BI19 BF10 two names that are one to a file system: refused there and told, and nothing of it is to be seen; the others have it", async () => {
  for (const each of ALL) rig.configure(each, ALL, { plain: {} });
  const images = rig.rootOf(3);
  mounts.fold(images);
  for (const each of ALL) await rig.start(each);

  const first = await upload({ README: "first", same: "same" }, "/site/app", 1);
  expect(first.status, first.stderr).toBe(0);
  await until("the folding server has what it can hold", () => contentOf(3, "app/README") === "first");
  expect(await problems(3)).toEqual([]);

  const before = snapshot(images);
  const fetched = await rig.bytesOf(3, "fetched");
  const second = await upload(BOTH, "/site/app", 1);
  expect([0, 3], second.stderr).toContain(second.status);
  for (const each of [1, 2]) {
    await until(`server ${each} has both`, () => contentOf(each, "app/readme") === "small");
    expect(contentOf(each, "app/README")).toBe("capital");
  }
  await until("it is told", async () => (await problems(3)).length > 0);
  expect(await problems(3)).toEqual([
    {
      about: "download /site/app",
      what: expect.stringMatching(
        /^index_conflict: \/README and \/readme are one name; rename one in the source, or keep .*; it is given up/,
      ),
    },
  ]);
  expect(rig.logOf(3)).toMatch(/index_conflict: \/README and \/readme are one name/);
  expect(snapshot(images)).toEqual(before);
  expect(await rig.bytesOf(3, "fetched")).toBe(fetched);

  // Another directory of the same server, on a file system that keeps names apart.
  const apart = await upload(BOTH, "/plain/app", 3);
  expect(apart.status, apart.stderr).toBe(0);
  expect(["README", "readme"].map((name) => contentOf(3, `app/${name}`, "plain"))).toEqual([
    "capital",
    "small",
  ]);

  // The client that sends it there is told at once, and nobody tries it again and again.
  const direct = await upload(BOTH, "/site/direct", 3);
  expect(direct.stderr).toMatch(/index_conflict.*differ in case or form alone/);
  const attempts = () => rig.logOf(3).split("download_aborted").length - 1;
  expect(attempts()).toBe(2);
  expect(snapshot(images)).toEqual(before);
  await new Promise((done) => setTimeout(done, 15_000)); // a download at rest is tried after ten seconds at most
  expect(attempts()).toBe(2);

  const mended = await upload({ README: "mended", "d/readme": "apart" }, "/site/app", 1);
  expect([0, 3], mended.stderr).toContain(mended.status);
  await until("what it can hold is there", () => contentOf(3, "app/d/readme") === "apart");
  expect(contentOf(3, "app/README")).toBe("mended");
  await until("of this path nothing is wrong", async () =>
    (await problems(3)).every(({ about }) => about !== "download /site/app"),
  );
  expect(await rig.stop(3)).toBe(0);
  await rig.start(3);
  expect(readdirSync(images).filter((name) => !name.startsWith("."))).toEqual(["app"]);
});

test("BF10 a name that is too long for a file system: refused there and told; shorter ones, and other servers, go on", async () => {
  const [fits, long] = [CRYPT_NAME_BYTES_MAX, CRYPT_NAME_BYTES_MAX + 1].map((length) => "n".repeat(length));
  for (const each of ALL) rig.configure(each, ALL);
  const images = rig.rootOf(3);
  mounts.crypt(images);
  for (const each of ALL) await rig.start(each);
  const before = snapshot(images);

  const tooLong = await upload({ [`d/${long}`]: "long", short: "short" }, "/site/app", 1);
  expect([0, 3], tooLong.stderr).toContain(tooLong.status);
  for (const each of [1, 2])
    await until(`server ${each} has it`, () => contentOf(each, `app/d/${long}`) === "long");
  await until("it is told", async () => (await problems(3)).length > 0);
  expect(await problems(3)).toEqual([
    {
      about: "download /site/app",
      what: expect.stringMatching(
        /^index_name_too_long: no name of 176 bytes, as \/d\/n+; shorten it in the source/,
      ),
    },
  ]);
  expect(snapshot(images)).toEqual(before);

  // Its own name fits, and what it is called while it is written or set aside does not.
  const named = await upload({ short: "short" }, `/site/${"i".repeat(170)}`, 3);
  expect(named.stderr).toMatch(/name_too_long/);
  expect(snapshot(images)).toEqual(before);

  const shorter = await upload({ [`d/${fits}`]: "fits", short: "short" }, "/site/app", 3);
  expect(shorter.status, shorter.stderr).toBe(0);
  expect(contentOf(3, `app/d/${fits}`)).toBe("fits");
  expect((await problems(3)).filter(({ about }) => about === "download /site/app")).toEqual([]);
});

test("BF10 NTFS folds, and cannot exchange two names: it is refused at the start, and left as it was", async () => {
  rig.configure(3, [3]);
  const images = rig.rootOf(3);
  mounts.ntfs(images);
  mkdirSync(`${images}/Own`);
  writeFileSync(`${images}/Own/README`, "own");
  expect(readFileSync(`${images}/own/readme`, "utf8")).toBe("own"); // it does fold
  const names = () => readdirSync(images, { recursive: true });
  const before = names();
  await expect(rig.start(3)).rejects.toThrow(/ended with 78: [^]*exchange_unsupported/);
  expect(names()).toEqual(before);
  rmSync(`${images}/Own`, { recursive: true });
});
