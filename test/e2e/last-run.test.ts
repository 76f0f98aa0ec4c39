/** A server that starts knows how the one before ended, and what its clock showed then. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.34");
  rig.configure(1, [1]);
});
afterAll(() => rig.close());

/** Of the run that goes on. */
async function isSaidCut(): Promise<boolean> {
  await until("it has looked at its disk", () => rig.logOf(1).includes('"recovered"'));
  return rig.logOf(1).includes('"last_run_cut"');
}

const clockProblem = async (): Promise<string | undefined> => {
  const { problems } = (await rig.page(1)) as { problems: { about: string; what: string }[] };
  return problems.find(({ about }) => about === "clock")?.what;
};

test("a stop leaves a mark, which the next start takes away; after a kill images are read again at once", async () => {
  await rig.start(1);
  const source = rig.path("source");
  mkdirSync(source);
  writeFileSync(`${source}/file`, "a");
  expect((await rig.sync("--replace", `${source}:/site/app`, rig.addressOf(1))).status).toBe(0);
  expect(await rig.stop(1)).toBe(0);
  const mark = rig.path("server-1/db/clean");
  expect(existsSync(mark)).toBe(true);
  await rig.start(1);
  expect([await isSaidCut(), existsSync(mark)]).toEqual([false, false]);
  await rig.stop(1, "SIGKILL");
  expect(existsSync(mark)).toBe(false);
  await rig.start(1);
  expect(await isSaidCut()).toBe(true);
  writeFileSync(`${rig.rootOf(1)}/app/file`, "b");
  await rig.stop(1, "SIGKILL");
  await rig.start(1);
  await until("the damage is found", async () => rig.logOf(1).includes('"image_damaged"'));
  await rig.stop(1);
});

test("a clock that is behind what the last run has seen is told", async () => {
  const file = rig.path("offset");
  writeFileSync(file, String(3_600_000));
  await rig.start(1, "--override-clock", file);
  await rig.stop(1);
  await rig.start(1);
  expect(await clockProblem()).toMatch(
    /^the clock is 3\d\d\d s behind the last run of this server: nothing is removed/,
  );
  await rig.stop(1);
});
