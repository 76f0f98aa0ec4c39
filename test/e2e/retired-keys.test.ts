/** A key that is taken away: it uploads nothing more, and a new server still gets what it has signed. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.53");
});
afterAll(() => rig.close());

const DAY_MS = 86_400_000;
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "");

/** Takes the master key of a server away; with a date it is retired. */
function retire(server: number, until: string | null): void {
  writeFileSync(rig.path(`server-${server}/config/master.key`), "");
  if (until === null) return;
  const folder = rig.path(`server-${server}/config/retired-keys`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/master.key`, `expiry-time="${until}Z" ${rig.publicKey}\n`);
}

test("retired, its images reach a new server; retired before it signed, or gone, they do not", async () => {
  for (const each of [1, 2, 3, 4]) rig.configure(each, [1, 2, 3, 4]);
  await rig.start(1);
  mkdirSync(rig.path("source"));
  writeFileSync(rig.path("source/file"), "1");
  const upload = (name: string) =>
    rig.sync("--append", `${rig.path("source")}:/site/${name}`, rig.addressOf(1));
  expect((await upload("old")).status).toBe(0);

  retire(1, dayOf(Date.now() + DAY_MS)); // a date of today would be this morning
  await until(
    "the key uploads nothing more",
    async () => (await upload(`new${performance.now()}`)).status === 3,
  );
  retire(2, dayOf(Date.now() + DAY_MS));
  retire(3, dayOf(Date.now() - DAY_MS));
  retire(4, null);
  await Promise.all([2, 3, 4].map((each) => rig.start(each)));
  await until("the new server has it", () => existsSync(rig.rootOf(2, "site/old/file")));
  for (const each of [3, 4]) {
    await until("the others refuse it", () => rig.logOf(each).includes("signature_mismatch"));
    expect(existsSync(rig.rootOf(each, "site/old"))).toBe(false);
  }
}, 60_000);
