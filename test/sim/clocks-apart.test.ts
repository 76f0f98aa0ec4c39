/**
 * Images that come to servers whose clocks are a minute apart, in a directory with `keep-min 2, keep-max 20, keep-recent
 * 1 day` and a keep list: the same stay on all of them, those that config.md 5 names, and the run's oracle judges each
 * removal on the way. `test/system/keep-list.system.ts` does it with a thousand and real servers.
 */
import { expect, test } from "vitest";
import type { RootName } from "../../kernel/storage/call.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import { runScript } from "../../sim/run.ts";

const IMAGES = 60;
const KEEP_MAX = 20;
const RECENT = 30; // more than keep-max
const DAY_S = 86_400;
const ROOT = "/srv/site" as RootName;

type Image = { readonly name: string; readonly age: number; readonly listed: boolean };

/** Ages in seconds, not in the order in which they come; none is nearer to a day than the clocks are to each other. */
const images: readonly Image[] = Array.from({ length: IMAGES }, (_, at) => {
  const rank = (at * 37) % IMAGES;
  const age = rank < RECENT ? 120 + rank * 60 : DAY_S + 600 + (rank - RECENT) * 60;
  return { name: `v${String(at).padStart(4, "0")}`, age, listed: at % 8 === 3 };
});

test("clocks a minute apart keep the same, and nothing that is listed goes", () => {
  const listed = images.filter((each) => each.listed);
  const list = listed.map(({ name }) => `/site/${name}`).join(",");
  const lines = [
    "seed 1",
    `cluster 3 levels=1 clean=2,${KEEP_MAX},${DAY_S}s,list`,
    "at 0s clock n1 step=-30s drift=0",
    "at 0s clock n2 step=+30s drift=0",
    `at 0s keep * ${list}`,
    ...images.map(({ name, age }, at) => {
      const host = `n${1 + (at % 3)}`;
      return `at ${1_000 + at * 500}ms upload c${at} /site/${name} #${at} files=1 bytes=10 skew=-${age}s to ${host}`;
    }),
    `at 70s keep * ${list}`, // until then all have been looked at twice
  ];
  const parsed = parseScript(lines.join("\n"));
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  const marks = new Map<string, number>();
  const outcome = runScript(parsed.script, kernelCast, {
    crypto: createCrypto(),
    marked: (_, mark) => void marks.set(mark, (marks.get(mark) ?? 0) + 1),
  });
  expect(outcome.failure).toBeNull();
  const newest = images.toSorted((a, b) => a.age - b.age).slice(0, KEEP_MAX);
  const kept = [...new Set([...newest, ...listed].map(({ name }) => name))].toSorted();
  expect(kept.length).toBeGreaterThan(KEEP_MAX);
  for (const host of ["n1", "n2", "n3"]) {
    const names = [...(outcome.world.host(host)?.disk.names(ROOT, "") ?? [])];
    expect(names.filter((name) => !name.startsWith(".")).toSorted()).toEqual(kept);
  }
  expect(marks.get("image_removed")).toBeGreaterThan(IMAGES);
});
