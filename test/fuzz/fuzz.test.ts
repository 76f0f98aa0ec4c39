/**
 * Every input that was kept, and a short turn of each target. The fuzzer itself is tried with decoders that are broken on
 * purpose: it finds them, says how to see them again, and its status is 1.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFuzzer, type Finding, judge, shrink } from "./engine.ts";
import { plantedCrash } from "./target-planted.ts";
import { corpusOf, loadTarget, TARGET_NAMES } from "./targets.ts";

const TURN_MS = 300;
const FUZZ = ["node_modules/tsx/dist/cli.mjs", "test/fuzz/main.ts"];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const said = (finding: Finding | null) => finding && `${finding.kind}: ${finding.detail}`;

describe.each(TARGET_NAMES)("%s", (name) => {
  test("has a corpus, each input of which is a value or a refusal, in time", async () => {
    const target = await loadTarget(name);
    if (target === null) throw new Error("no such target");
    const corpus = corpusOf(name);
    expect(corpus.length).toBeGreaterThan(0);
    for (const { file, input } of corpus) expect([file, said(judge(target, input))]).toEqual([file, null]);
  });

  test("a short turn finds nothing, and reaches more than one outcome", async () => {
    const target = await loadTarget(name);
    if (target === null) throw new Error("no such target");
    const fuzzer = createFuzzer(target, target.seeds(), 1);
    for (const until = performance.now() + TURN_MS; performance.now() < until; )
      expect(said(fuzzer.batch(50))).toBeNull();
    expect(fuzzer.executions()).toBeGreaterThan(50);
    expect(fuzzer.outcomes.size).toBeGreaterThan(3);
  });
});

test("one seed is one course", () => {
  const course = () => {
    const inputs: string[] = [];
    const seen = (input: Uint8Array) => void inputs.push(Buffer.from(input).toString("hex"));
    createFuzzer(plantedCrash, plantedCrash.seeds(), 7, null, seen).batch(500);
    return inputs;
  };
  expect(course()).toEqual(course());
  expect(new Set(course()).size).toBeGreaterThan(200);
});

test("a crash is found, and what is not needed for it is left out", () => {
  const wanted = { ...plantedCrash, run: crashAt(0x9f) };
  const fuzzer = createFuzzer(wanted, wanted.seeds(), 1);
  let finding: Finding | null = null;
  while (finding === null && fuzzer.executions() < 20_000) finding = fuzzer.batch(500);
  if (finding === null) throw new Error("not found");
  expect(finding.detail).toMatch("planted");
  expect(shrink(wanted, finding, 1_000).input).toEqual(Uint8Array.of(0x9f));
});

function crashAt(byte: number): (input: Uint8Array) => string {
  return (input) => {
    if (input.includes(byte)) throw new Error("planted");
    return "ok";
  };
}

test("at the command line: a finding has status 1, a file, and a command that shows it again", () => {
  const ended = spawnSync(
    process.execPath,
    [...FUZZ, "planted-crash", "--seed", "3", "--seconds", "40", "--out", folder],
    { encoding: "utf8" },
  );
  expect(ended.stderr).toBe("");
  expect(ended.status).toBe(1);
  expect(ended.stdout).toMatch(/planted-crash: seed 3\n/);
  const file = /--replay (\S+)/.exec(ended.stdout)?.[1] ?? "";
  const again = spawnSync(process.execPath, [...FUZZ, "planted-crash", "--replay", file], {
    encoding: "utf8",
  });
  expect([again.status, again.stdout]).toEqual([
    1,
    expect.stringMatching(/^planted-crash: crash: Error: planted/),
  ]);
});

test("help, list, and wrong usage", () => {
  const help = execFileSync(process.execPath, [...FUZZ, "--help"], { encoding: "utf8" });
  for (const name of TARGET_NAMES) expect(help).toContain(name);
  for (const [args, text] of [
    [["nothing"], 'no target "nothing"; see --list'],
    [["cbor", "--seconds", "x"], "--seconds x: write a whole number from 1"],
    [["cbor", "--replay", "none"], "ENOENT: no such file or directory, open 'none'"],
  ] as const) {
    const ended = spawnSync(process.execPath, [...FUZZ, ...args], { encoding: "utf8" });
    expect([ended.status, ended.stderr]).toEqual([64, `fuzz: ${text}\nnpm run fuzz -- --help tells more\n`]);
  }
});
