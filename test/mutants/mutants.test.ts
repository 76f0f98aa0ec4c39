import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutantNames, mutate, parseMutant, readMutant } from "../../sim/cli/mutant.ts";

const MAIN = fileURLToPath(new URL("../../sim/main.ts", import.meta.url));

type Ended = { readonly code: number | null; readonly out: string; readonly err: string };

async function sim(...words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (err += bytes.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}

/** Some of the bugs, each found soon, with what the oracle calls the promise that it breaks, and the last seed tried. */
const BROKEN: Readonly<Record<string, readonly [oracle: RegExp, seeds: number]>> = {
  digest_forgotten: [/not_converged/, 20],
  files_not_synced: [/mixed_tree/, 60],
  future_accepted: [/future_taken/, 30],
  image_swapped_in_two_steps: [/went_back/, 20],
  reported_early: [/acked_lost|false_success/, 20],
  winner_reversed: [/went_back|acked_lost|not_converged|older_taken|wrongly_refused/, 20],
};

test("each mutant fits the kernel as it is, says why, and is one place", async () => {
  const names = await mutantNames();
  expect(names.length).toBeGreaterThanOrEqual(60);
  expect(names).toEqual(expect.arrayContaining(Object.keys(BROKEN)));
  for (const name of names) {
    const mutant = await readMutant(name);
    const text = await readFile(new URL(`../../${mutant.file}`, import.meta.url), "utf8");
    expect(mutate(text, mutant), name).not.toBe(text);
  }
});

describe("a bug in one line is found", { timeout: 240_000 }, () => {
  test.each(Object.entries(BROKEN))("%s", async (name, [broken, seeds]) => {
    const { code, out, err } = await sim("--seeds", `1..${seeds}`, "--mutant", name, "--no-shrink");
    expect(code, err).toBe(1);
    expect(out).toMatch(broken);
    const [, command = ""] = /^repeat: npm run sim -- (.*)$/m.exec(out) ?? [];
    expect(command).toMatch(new RegExp(`^--seed \\d+ --mutant ${name}$`));
    // The same seed without the bug is green, and says which run it was.
    const seed = command.split(" ")[1] ?? "";
    const healthy = await sim("--seed", seed);
    expect(healthy.code, healthy.out).toBe(0);
    expect(healthy.out).toMatch(/\ndigest [0-9a-f]{32}\n$/);
  });
});

test("a failure is explained, kept small, and its shards are merged", { timeout: 120_000 }, async () => {
  const why = await sim("why", "--seed", "1", "--mutant", "reported_early");
  expect(why.code).toBe(1);
  expect(why.out).toMatch(/n\d sends GetBlock to /);
  expect(why.out).toMatch(/false_success: broken is the promise that /);
  const folder = await mkdtemp(join(tmpdir(), "ciruela-shards-"));
  try {
    const files = ["1/2", "2/2"].map((shard) => join(folder, shard.replace("/", "-")));
    for (const [at, file] of files.entries()) {
      const shard = await sim("--seeds", "1..4", "--shard", `${at + 1}/2`, "--out", file);
      expect(shard.code, shard.out).toBe(0);
    }
    const [first = "", second = ""] = files;
    const merged = await sim("merge", second, first, first);
    expect(merged.out).toMatch(/^4 seeds, 0 failed/);
    expect(merged.out).toContain("failing seeds are fewer than 1 in 1, at 95 %");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a script says when it does not apply any more", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ciruela-script-"));
  const file = join(folder, "old.sim");
  try {
    await writeFile(file, "// fails: acked_lost\nseed 1\ncluster 2\nat 1s start n1\n");
    const replayed = await sim("replay", file);
    expect(replayed.code, replayed.err).toBe(0);
    expect(replayed.out).toContain("does not apply any more: at 1s start n1");
    expect(replayed.out).toContain("it failed with acked_lost when it was written, and now does not");
    await writeFile(file, "seed 1\nat 1s crush n1\n");
    const strange = await sim("replay", file);
    expect(strange.code).toBe(64);
    expect(strange.err).toContain("old.sim:2: does not apply any more, or never did: crush is no verb");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a failing run is repeated by the command that it prints, and by the smaller script", async () => {
  const { code, out } = await sim("--seed", "1", "--mutant", "reported_early");
  expect(code).toBe(1);
  expect(out).toMatch(/^seed 1: false_success: #\d ends well with n\d/);
  expect(out).toMatch(/^at step \d+, \d+(us|ms|s) of virtual time$/m);
  expect(out).toContain("npm run sim -- --script - --mutant reported_early <<'END'\nseed 1\ncluster");
  expect(out).toMatch(/\ndigest [0-9a-f]{32}\n$/);
});

test("what cannot be run is said on standard error, and exits 64", async () => {
  const unknown = await sim("--seed", "1", "--mutant", "no_such");
  expect(unknown.code).toBe(64);
  expect(unknown.err).toContain("winner_reversed");
  const missing = await sim("--script", "/no/such.sim");
  expect([missing.code, missing.out]).toEqual([64, ""]);
});

test("help goes to standard output", async () => {
  const { code, out } = await sim("--help");
  expect(code).toBe(0);
  expect(out).toContain("--seeds A..B");
  expect((await sim("why", "--help")).out).toMatch(/^npm run sim -- why /);
});

test("a mutant whose line is not there, or there twice, is refused", () => {
  const mutant = parseMutant("// why\nfile a.ts\n- one\n+ two\n");
  expect(mutate("zero\none\n", mutant)).toBe("zero\ntwo\n");
  expect(() => mutate("zero\n", mutant)).toThrow("0 times");
  expect(() => mutate("one\none\n", mutant)).toThrow("2 times");
  expect(() => parseMutant("file a.ts\n+ two\n")).toThrow("`-` lines");
});
