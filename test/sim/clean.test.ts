/** Auto-clean in a run: what the words of a script mean, seen on the disks of the servers. */
import { expect, test } from "vitest";
import type { RootName } from "../../kernel/storage/call.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import { type Outcome, runScript } from "../../sim/run.ts";

const crypto = createCrypto();
const IMAGES = "/srv/site" as RootName;
const UPLOADS = [
  "at 1s upload c1 /site/v1 #1 files=2 bytes=200 to n1",
  "at 2s upload c2 /site/v2 #2 files=2 bytes=200 to n1",
  "at 3s upload c3 /site/v3 #3 files=2 bytes=200 to n2",
];

type Ran = { readonly outcome: Outcome; readonly removedAt: readonly number[] };

function runOf(clean: string, ...lines: readonly string[]): Ran {
  const parsed = parseScript(["seed 5", `cluster 3 clean=${clean}`, ...UPLOADS, ...lines].join("\n"));
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  const removedAt: number[] = [];
  let now = 0;
  const outcome = runScript(parsed.script, kernelCast, {
    crypto,
    marked: (_, mark) => {
      if (mark === "image_removed") removedAt.push(Math.floor(now / 1_000_000));
    },
    reader: { moment: ({ time }) => void (now = time), note: ({ time }) => void (now = time) },
  });
  expect(outcome.failure).toBeNull();
  return { outcome, removedAt };
}

function shown({ outcome }: Ran, host: string): string {
  const names = [...(outcome.world.host(host)?.disk.names(IMAGES, "") ?? [])];
  return names.filter((name) => !name.startsWith(".")).join(" ");
}

test("what the rules do not keep goes at the second look, and not where the rule is not", () => {
  const ran = runOf("1,100,4s", "config n3 clean=no");
  expect(["n1", "n2", "n3"].map((host) => shown(ran, host))).toEqual(["v3", "v3", "v1 v2 v3"]);
  expect(new Set(ran.removedAt)).toEqual(new Set([20]));
  expect(runOf("2,100,4s").removedAt).toHaveLength(3);
});

test("what is recent stays, up to a number", () => {
  expect(shown(runOf("1,2,4s"), "n1")).toBe("v3");
  const ran = runOf("1,2,300s", "at 25s upload c4 /site/v4 #4 files=1 bytes=200 to n1");
  expect(ran.removedAt.filter((at) => at < 30)).toHaveLength(3); // v1, of which there were more than two newer ones
});

test("a keep list keeps before the newest do, each server its own, and one that cannot be read keeps all", () => {
  const ran = runOf("1,100,4s,list", "at 5s keep * /site/v1", "at 6s keep n2 none", "at 6s keep n3 broken");
  expect(["n1", "n2", "n3"].map((host) => shown(ran, host))).toEqual(["v1", "v3", "v1 v2 v3"]);
  expect(ran.outcome.faults).toMatchObject({ keep: 5 });
  expect(runOf("1,100,4s", "at 5s keep n1 none").outcome.idle).toEqual(["at 5s keep n1 none"]);
});

test("after its clock was set a server removes nothing, and the others do", () => {
  const ran = runOf("1,100,4s", "at 12s clock n1 step=-90s drift=0");
  expect(["n1", "n2"].map((host) => shown(ran, host))).toEqual(["v1 v2 v3", "v3"]);
});

test.each([
  ["rename:1", "cut_between_RM2_RM3"],
  ["rename:2", "cut_between_RM3_RM4"],
])("a power cut after %s of a removal is seen as %s, and its start ends the removal", (call, sight) => {
  const ran = runOf("1,100,4s", `when n2 removing call=${call} crash n2 disk=weak`, "at 26s start n2");
  expect(Object.keys(ran.outcome.sights)).toContain(sight);
  expect(shown(ran, "n2")).toBe("v3");
});

test("the phases of removal and of collection are come to", () => {
  const ran = runOf(
    "1,100,4s",
    "when n1 removing slow n1 factor=3",
    "when n2 collecting slow n2 factor=3",
    "at 30s heal",
  );
  expect(Object.keys(ran.outcome.cells)).toEqual(
    expect.arrayContaining(["slow removing", "slow collecting"]),
  );
});
