/**
 * Servers in surroundings that are not as they should be: file systems that are full or not to be written, few
 * descriptors, no /proc, a kernel without an exchange of names, a process that is stopped for a while, an image folder
 * that is not mounted. They stay up and say what is wrong, heal without a restart, or refuse to start with the reason.
 * Needs root and Debian's mount, util-linux and strace.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { connect } from "node:net";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { CLIENT, plant, Rig, until } from "../e2e/rig.ts";
import { expectNeeds } from "./rig/needs.ts";

const HEAL_MS = 60_000;
const ALL = [1, 2, 3];
const NOBODY = 65_534;

let rig: Rig;
let mounted: string[] = [];
beforeAll(async () => {
  expectNeeds("losetup", "nsenter", "strace");
  await build();
});
beforeEach(async () => {
  rig = await Rig.create("127.0.91");
  for (const each of ALL) rig.configure(each, ALL);
});
afterEach(async () => {
  for (const each of mounted) spawnSync("umount", ["-l", each]);
  mounted = [];
  await rig.close();
});

/** The images of the third server are in a file system in memory of their own. */
function mountImages(options: string): string {
  const at = rig.rootOf(3);
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at]);
  mounted.push(at);
  return at;
}

const remount = (at: string, options: string) => execFileSync("mount", ["-o", `remount,${options}`, at]);
const tree = (name: string, files = 1) =>
  plant(
    rig.path(name),
    Object.fromEntries(Array.from({ length: files }, (_, at) => [`f${at}`, `${name} ${at}`])),
  );
const upload = async (name: string, files = 1) => {
  const { status, stderr } = await rig.sync(
    "--deadline",
    "8s",
    "--append",
    `${tree(name, files)}:/site/${name}`,
    rig.addressOf(1),
  );
  expect([0, 3], stderr).toContain(status); // 3: of the three servers one may not have it in time
};
const has = (server: number, name: string) => readdirSync(rig.rootOf(server)).includes(name);
const problems = async (server: number) =>
  ((await rig.page(server)) as { problems: { about: string; what: string }[] }).problems;
/** The third server says so, and once it can, it has the image and nothing to say. */
async function expectTold(about: string, what: RegExp): Promise<void> {
  await until(`${about} is told`, async () =>
    (await problems(3)).some((each) => each.about === about && what.test(each.what)),
  );
}
async function expectHealed(name: string): Promise<void> {
  await until(`${name} is there`, () => has(3, name), HEAL_MS);
  await until("nothing is wrong", async () => (await problems(3)).length === 0, HEAL_MS);
}

test("BF13 BS13 images on a file system that turns read-only: told, and fetched when it can be written again", async () => {
  const at = mountImages("size=64m");
  for (const each of ALL) await rig.start(each);
  await upload("before");
  await until("before is there", () => has(3, "before"));
  remount(at, "ro");
  await upload("during");
  await expectTold("download /site/during", /^read_only: .*mount it to be written/);
  expect(has(3, "before")).toBe(true);
  expect((await fetch(`http://${rig.addressOf(3)}:${rig.port}/list-dir/site`)).status).toBe(200);
  remount(at, "rw");
  await expectHealed("during");
});

test("BF12 a file system without inodes: told, and fetched when there are more", async () => {
  const at = mountImages("size=64m,nr_inodes=60");
  for (const each of ALL) await rig.start(each);
  await upload("many", 200);
  await expectTold("download /site/many", /^no_space: .*make room, in bytes, inodes or quota/);
  remount(at, "nr_inodes=10000");
  await expectHealed("many");
});

test("BE5 64 descriptors, and a hundred connections that say nothing: the others get through", async () => {
  await rig.start(1);
  await rig.start(2);
  await rig.startUnder(["prlimit", "--nofile=64:64"], 3);
  expect(rig.logOf(3)).toContain("only 16 connections at once, because only 64 files may be open");
  const strangers = Array.from({ length: 100 }, () =>
    connect(rig.port, rig.addressOf(3)).on("error", () => {}),
  );
  await upload("through");
  await until("it is there", () => has(3, "through"), HEAL_MS);
  for (const each of strangers) each.destroy();
  await until("nothing is wrong", async () => (await problems(3)).length === 0, HEAL_MS);
});

test("BE5 without /proc, and without an exchange of names, a start says what it needs", async () => {
  const noProc = rig.startUnder(
    ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh"],
    1,
  );
  await expect(noProc).rejects.toThrow(/ended with 78: \/proc\/self\/fd\S* not there: mount procfs/);
  const inject = ["-e", "trace=renameat2", "-e", "inject=renameat2:error=ENOSYS"];
  const noExchange = rig.startUnder(["strace", "-f", "-qq", "-o", "/dev/null", ...inject], 2);
  await expect(noExchange).rejects.toThrow(/ended with 78: [^]*exchange_unsupported/);
});

test("BE6 a server that is stopped for longer than its peers wait catches up when it goes on", async () => {
  for (const each of ALL) await rig.start(each);
  process.kill(rig.pidOf(3), "SIGSTOP");
  await sleep(12_000); // twice as long as a silent connection lives
  await upload("meanwhile");
  expect(has(3, "meanwhile")).toBe(false);
  process.kill(rig.pidOf(3), "SIGCONT");
  await expectHealed("meanwhile");
});

test("BF7 an image folder that is not mounted: told, nothing is taken for removed, and back after the mount", async () => {
  for (const each of ALL) await rig.start(each);
  await upload("one");
  await until("one is there", () => has(3, "one"));
  for (const each of ALL) await rig.stop(each);
  renameSync(rig.rootOf(3), rig.path("away"));
  mkdirSync(rig.rootOf(3));
  await rig.start(3);
  await expectTold("images of site", /^1 of 1 images are not in .*if its file system is not mounted/);
  expect(await rig.page(3, "/deleted/")).toEqual([]);
  await rig.stop(3);
  for (const name of readdirSync(rig.rootOf(3))) expect(name).toMatch(/^\.tmp\./);
  execFileSync("rm", ["-rf", rig.rootOf(3)]);
  renameSync(rig.path("away"), rig.rootOf(3));
  for (const each of ALL) await rig.start(each);
  expect(has(3, "one")).toBe(true);
  expect(await problems(3)).toEqual([]);
});

test("BS12 a server that is restored from a backup has what came after it again", async () => {
  for (const each of ALL) await rig.start(each);
  await upload("one");
  await until("one is there", () => has(3, "one"));
  await rig.stop(3);
  const own = rig.path("server-3");
  execFileSync("cp", ["-a", own, `${own}.backup`]);
  await rig.start(3);
  await upload("two");
  await rig.sync("--deadline", "8s", "--replace", `${tree("newer")}:/site/one`, rig.addressOf(1));
  const content = () => readFileSync(`${rig.rootOf(3)}/one/f0`, "utf8");
  await until("the newer one is there", () => content() === "newer 0");
  await rig.stop(3);
  execFileSync("rm", ["-rf", own]);
  renameSync(`${own}.backup`, own);
  expect([content(), has(3, "two")]).toEqual(["one 0", false]);
  await rig.start(3);
  await until("it has caught up", () => content() === "newer 0" && has(3, "two"), HEAL_MS);
  expect(await problems(3)).toEqual([]);
});

test("BF5 a file of another owner, and one that cannot be changed, are not shared with the next image", async () => {
  await rig.start(3);
  const share = (file: string) => statSync(`${rig.rootOf(3)}/second/${file}`).nlink;
  const send = async (name: string, more: Readonly<Record<string, string>>) => {
    const source = plant(rig.path(name), { foreign: "foreign", fixed: "fixed", plain: "plain", ...more });
    expect((await rig.sync("--append", `${source}:/site/${name}`, rig.addressOf(3))).status).toBe(0);
  };
  await send("first", {});
  const first = `${rig.rootOf(3)}/first`;
  chownSync(`${first}/foreign`, 1_234, 1_234);
  execFileSync("chattr", ["+i", `${first}/fixed`]);
  try {
    await send("second", { more: "more" });
    expect(["plain", "foreign", "fixed"].map(share)).toEqual([2, 1, 1]);
  } finally {
    execFileSync("chattr", ["-i", `${first}/fixed`]);
  }
});

test("BL2 a folder of a source that its user may not read is named, and nothing is sent", async () => {
  await rig.start(1);
  const source = tree("closed");
  mkdirSync(`${source}/secret`, { mode: 0o700 });
  const key = rig.path("key-of-nobody");
  copyFileSync(rig.keyFile, key);
  chownSync(key, NOBODY, NOBODY);
  chmodSync(rig.folder, 0o755);
  const words = [
    "--reuid",
    String(NOBODY),
    "--clear-groups",
    process.execPath,
    CLIENT,
    "--port",
    String(rig.port),
  ];
  const { status, stderr } = spawnSync(
    "setpriv",
    [...words, "sync", "-i", key, "--append", `${source}:/site/closed`, rig.addressOf(1)],
    { encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/closed": something in the source cannot be read.*EACCES at \/secret\b/),
  ]);
  expect(has(1, "closed")).toBe(false);
});

test("BF9 a tree with more levels than there are descriptors is told, and keeps nobody else waiting", async () => {
  await rig.startUnder(["prlimit", "--nofile=100:100"], 3);
  const deep = rig.path("deep");
  plant(deep, { [`${"d/".repeat(120)}file`]: "deep" });
  const { status } = await rig.sync("--deadline", "8s", "--append", `${deep}:/site/deep`, rig.addressOf(3));
  expect(status).toBe(3);
  await expectTold("download /site/deep", /^too_many_open: .*raise the limit of open files/);
  const flat = await rig.sync(
    "--deadline",
    "20s",
    "--append",
    `${tree("flat")}:/site/flat`,
    rig.addressOf(3),
  );
  expect([flat.status, has(3, "flat"), has(3, "deep")]).toEqual([0, true, false]);
  await rig.stop(3);
  await rig.start(3);
  await until("with enough of them it can be deleted", () => {
    return readdirSync(rig.rootOf(3)).filter((name) => name.startsWith(".tmp.")).length <= 1;
  });
});
