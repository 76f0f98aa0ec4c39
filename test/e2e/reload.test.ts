/** A real server whose configuration changes under it: SIGHUP, and what is seen from outside. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { endOf, Rig, SERVER, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.52");
});
afterAll(() => rig.close());

const yaml = (server: number, key: string): string => rig.path(`server-${server}/config/configs/${key}.yaml`);
const reload = (server: number): void => void process.kill(rig.pidOf(server), "SIGHUP");
const page = async <T>(server: number, path: string): Promise<T> => (await rig.page(server, path)) as T;
const keysOf = async (server: number): Promise<readonly string[]> =>
  Object.keys(await page<object>(server, "/configs/"));
const NOT_CONFIGURED = "no configuration for the first part";
type Problem = { readonly about: string; readonly what: string };
const problemsOf = async (server: number): Promise<readonly Problem[]> =>
  (await page<{ problems: readonly Problem[] }>(server, "/status/")).problems;

/** Adds `/late` to a server's configuration. */
function addLate(server: number): void {
  mkdirSync(rig.rootOf(server, "late"), { recursive: true });
  const text = readFileSync(yaml(server, "site"), "utf8");
  writeFileSync(yaml(server, "late"), text.replace(rig.rootOf(server), rig.rootOf(server, "late")));
}

function source(name: string, bytes = 100_000): string {
  mkdirSync(rig.path(name), { recursive: true });
  writeFileSync(rig.path(name, "file"), Buffer.alloc(bytes, name));
  return rig.path(name);
}

test("directories come, change and go without a restart, and come again with all that they had", async () => {
  for (const each of [1, 2]) rig.configure(each, [1, 2]);
  await Promise.all([rig.start(1), rig.start(2)]);
  const upload = (how: string, name: string, path: string) =>
    rig.sync(how, `${source(name)}:${path}`, rig.addressOf(1));
  expect((await upload("--replace", "one", "/late/x")).stderr).toContain(NOT_CONFIGURED);

  for (const each of [1, 2]) addLate(each);
  for (const each of [1, 2]) reload(each);
  for (const each of [1, 2]) await until("it is served", async () => (await keysOf(each)).includes("late"));
  expect((await upload("--replace", "one", "/late/x")).status).toBe(0);
  const file = rig.rootOf(2, "late/x/file");
  await until("both have it", () => existsSync(file));

  for (const each of [1, 2])
    writeFileSync(
      yaml(each, "late"),
      readFileSync(yaml(each, "late"), "utf8").replace("only: false", "only: true"),
    );
  for (const each of [1, 2]) reload(each);
  await until("it is append-only", async () =>
    JSON.stringify(await rig.page(1, "/configs/")).includes('"late":{"append_only":true'),
  );
  expect((await upload("--replace", "two", "/late/x")).stderr).toContain("forbids to replace");

  renameSync(yaml(1, "late"), rig.path("late.yaml"));
  reload(1);
  await until("it is gone", async () => !(await keysOf(1)).includes("late"));
  expect(await rig.page(1, "/base-dirs/")).not.toHaveProperty("/late");
  expect(readFileSync(rig.rootOf(1, "late/x/file")).length).toBe(100_000); // what is on the disk stays
  renameSync(rig.path("late.yaml"), yaml(1, "late"));
  reload(1);
  await until("it has what it had", async () => "/late" in (await page<object>(1, "/base-dirs/")));
  expect(await rig.page(1, "/list-dir/late")).toMatchObject({ x: {} });
  expect(await rig.bytesOf(1, "fetched")).toBe(100_000);
}, 60_000);

test("a mistake in one file changes nothing, and is said in the log and on the status page until it is mended", async () => {
  rig.configure(3, [3]);
  await rig.start(3);
  addLate(3);
  const sound = readFileSync(yaml(3, "site"), "utf8");
  writeFileSync(yaml(3, "site"), sound.replace("num-levels: 1", "num-levels: none"));
  reload(3);
  await until("the mistake was seen", () => rig.logOf(3).includes("configuration_kept"));
  const [problem, ...more] = await problemsOf(3);
  expect(problem).toEqual({ about: "configuration", what: expect.stringContaining("site.yaml:3:13: ") });
  expect(more).toEqual([]);
  expect(await keysOf(3)).toEqual(["site"]); // `late` waits, too
  writeFileSync(yaml(3, "site"), sound);
  reload(3);
  await until("both are served", async () => (await keysOf(3)).length === 2);
  expect(await problemsOf(3)).toEqual([]);
}, 60_000);

test("a download of a directory that goes is ended: its client is told, and nothing of it stays", async () => {
  rig.configure(4, [4]);
  addLate(4);
  await rig.start(4);
  const from = source("large", 200_000_000);
  const ended = rig.sync("--append", `${from}:/late/x`, rig.addressOf(4));
  const names = (): readonly string[] => readdirSync(rig.rootOf(4, "late"));
  await until("it is being written", () => names().some((name) => name.startsWith(".tmp.")));
  rmSync(yaml(4, "late"));
  reload(4);
  const { status, stderr } = await ended;
  expect([status, stderr]).toEqual([3, expect.stringContaining(NOT_CONFIGURED)]);
  await until("nothing of it stays", () => names().length === 0);
  const left = readdirSync(rig.path("server-4/db/signatures/late"));
  expect(left).toEqual([]);
  expect(rig.logOf(4)).toContain('"reason":"no_config"');
}, 60_000);

test("a server whose directory names a key that is not there starts, and says so until it is", async () => {
  rig.configure(5, [5], { site: { more: "upload-keys: [robot]\n" } });
  await rig.start(5);
  await until("it is said", async () => (await problemsOf(5)).length === 1);
  expect(await problemsOf(5)).toMatchObject([{ about: "upload-keys of site" }]);
  expect(rig.logOf(5)).toContain("no key robot");
  const own = ["-c", rig.path("server-5/config"), "--override-machine-id", "f".repeat(32)];
  const check = () =>
    endOf(spawn(process.execPath, [SERVER, ...own, "--check-config"], { stdio: ["ignore", "pipe", "pipe"] }));
  expect(await check()).toMatchObject({
    status: 78,
    stderr: expect.stringContaining('site.yaml:4:15: no key "robot": '),
  });
  const folder = rig.path("server-5/config/keys");
  mkdirSync(folder);
  writeFileSync(`${folder}/robot.key`, `${rig.publicKey}\n`);
  await until("it is there", async () => (await problemsOf(5)).length === 0);
  expect((await check()).status).toBe(0);
}, 60_000);
