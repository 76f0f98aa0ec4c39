import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutantNames, mutate, parseMutant } from "../../sim/cli/mutant.ts";

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

/** Each bug, and what the oracle calls the promise that it breaks. */
const BROKEN: Readonly<Record<string, RegExp>> = {
  block_unchecked: /wrong_bytes/,
  digest_forgotten: /not_converged/,
  exchange_not_synced: /acked_lost|went_back/,
  files_not_synced: /mixed_tree/,
  offer_forgotten: /not_converged/,
  promise_not_synced: /went_back|acked_lost|not_converged/,
  reported_early: /acked_lost/,
  stage_trusted: /not_converged/,
  winner_reversed: /went_back|acked_lost|not_converged/,
};

test("each mutant is known here", async () => {
  expect(await mutantNames()).toEqual(Object.keys(BROKEN));
});

describe("a bug in one line is found", { timeout: 240_000 }, () => {
  test.each(Object.entries(BROKEN))("%s", async (name, broken) => {
    const { code, out, err } = await sim("--seeds", "1..300", "--mutant", name, "--no-shrink");
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

test("a failing run is repeated by the command that it prints, and by the smaller script", async () => {
  const { code, out } = await sim("--seed", "1", "--mutant", "reported_early");
  expect(code).toBe(1);
  expect(out).toMatch(/^seed 1: acked_lost: n\d reported #\d/);
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
