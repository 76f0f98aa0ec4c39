/** What a newcomer runs first. */
import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { endOf } from "./rig.ts";

const DEMO = fileURLToPath(new URL("../../dist/adapters/demo/main.js", import.meta.url));
beforeAll(build);

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("ciruela-demo-"));

test("without a terminal it shows four servers with one image, ends with 0, and leaves nothing", async () => {
  const before = leftovers();
  const child = spawn(process.execPath, [DEMO], { stdio: ["ignore", "pipe", "pipe"] });
  const { status, stdout, stderr } = await endOf(child);
  expect(stderr.includes("npm start:"), stderr).toBe(false);
  expect(status).toBe(0);
  const images = [...stdout.matchAll(/^127\.0\.0\.([1-4]) {2}\/site\/current {2}([0-9a-f]{64})$/gm)];
  expect(images.map(([, server]) => server)).toEqual(["1", "2", "3", "4"]);
  expect(new Set(images.map(([, , image]) => image)).size).toBe(1);
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
  const folder = /(\/[^ ]*ciruela-demo-[A-Za-z0-9]+)/.exec(stdout)?.[1] ?? "no folder";
  expect(spawnSync("ps", ["-eo", "args"], { encoding: "utf8" }).stdout).not.toContain(folder);
});

test("a directory that is not there is said, with 64", async () => {
  const child = spawn(process.execPath, [DEMO, "/no/such/place"], { stdio: ["ignore", "pipe", "pipe"] });
  expect(await endOf(child)).toMatchObject({ status: 64, stderr: expect.stringContaining("/no/such/place") });
});
