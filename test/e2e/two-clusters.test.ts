/** One `sync` of eight directories to two clusters, of which one is dead: a machine is gone, another one hangs. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { plant, resultOf, Rig, rowsOf, until } from "./rig.ts";

const GOOD = [1, 2];
const GONE = 3;
const HANGING = 4;
const NAMES = Array.from({ length: 8 }, (_, at) => `part-${at}`);
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.59");
  for (const server of GOOD) rig.configure(server, GOOD);
  for (const server of [GONE, HANGING]) rig.configure(server, [GONE, HANGING]);
  for (const server of [...GOOD, GONE, HANGING]) await rig.start(server);
  await rig.stop(GONE, "SIGKILL");
  process.kill(rig.pidOf(HANGING), "SIGSTOP");
});
afterAll(() => rig.close());

type Upload = {
  readonly cluster: string;
  readonly path: string;
  readonly ok: boolean;
  readonly reason: string;
  readonly accepted: readonly string[];
  readonly received: readonly string[];
};
type Result = {
  readonly type: string;
  readonly ok: boolean;
  readonly partial: boolean;
  readonly status: number;
  readonly uploads: readonly Upload[];
};

test("the good cluster has all eight, the status is 3, and JSON says which host did what", async () => {
  const pairs = NAMES.flatMap((name) => {
    const tree = plant(rig.path("source", name), { file: `content of ${name}` });
    return ["--replace", `${tree}:/site/${name}`];
  });
  const address = (server: number) => `${rig.addressOf(server)}:${rig.port}`;
  const hosts = ["-m", "--", ...GOOD.map(address), "--", address(GONE), address(HANGING)];
  const ended = await rig.sync("--json", ...pairs, ...hosts);
  expect(ended).toMatchObject({ status: 3, stderr: "" });
  const rows = rowsOf(ended);
  const result = resultOf(ended) as Result;
  expect(result).toMatchObject({ type: "result", ok: false, partial: true, status: 3 });
  expect(result.uploads).toHaveLength(2 * NAMES.length);
  const [good, dead] = [true, false].map((ok) => result.uploads.filter((upload) => upload.ok === ok));
  const cluster = (...servers: readonly number[]) => servers.map(address).join(" ");
  for (const [uploads, name] of [
    [good, cluster(...GOOD)],
    [dead, cluster(GONE, HANGING)],
  ] as const) {
    expect(uploads?.map(({ path }) => path).toSorted()).toEqual(NAMES.map((each) => `/site/${each}`));
    expect(new Set(uploads?.map((upload) => upload.cluster))).toEqual(new Set([name]));
  }
  for (const upload of good ?? []) {
    expect(upload).toMatchObject({
      reason: "received",
      accepted: expect.arrayContaining([expect.any(String)]),
    });
    expect(upload.received).toHaveLength(GOOD.length);
  }
  for (const upload of dead ?? [])
    expect(upload).toMatchObject({ reason: "unreachable", accepted: [], received: [] });
  // Who received what stands in a row of its own, and so does who could not be reached.
  for (const name of NAMES)
    for (const machine of GOOD)
      expect(rows).toContainEqual(
        expect.objectContaining({
          type: "received",
          path: `/site/${name}`,
          machine_id: String(machine).padStart(32, "0"),
        }),
      );
  expect(rows).toContainEqual(
    expect.objectContaining({ type: "error", reason: "unreachable", host: address(GONE) }),
  );
  for (const server of GOOD)
    for (const name of NAMES) {
      const file = `${rig.rootOf(server)}/${name}/file`;
      await until(`${file} is there`, () => readFileSync(file, "utf8") === `content of ${name}`);
    }
}, 120_000);
