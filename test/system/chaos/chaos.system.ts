/**
 * A short chaos run as a person starts it: nothing is wrong, and what is done by hand to a disk is found. Needs root and
 * Debian's iproute2, util-linux, e2fsprogs, mount and python3.
 */
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { type Ended, endOf } from "../../e2e/rig.ts";

const RUN_MS_MAX = 600_000;

function chaos(...words: readonly string[]): Promise<Ended> {
  return endOf(
    spawn("npx", ["tsx", "test/chaos/main.ts", "--json", ...words], { stdio: ["ignore", "pipe", "pipe"] }),
  );
}

test("two minutes of faults: nothing is lost, and all servers become alike", {
  timeout: RUN_MS_MAX,
}, async () => {
  const { status, stdout, stderr } = await chaos("--minutes", "2", "--seed", "1");
  expect(`${stdout}${stderr}`).not.toContain("WRONG");
  expect(status).toBe(0);
  const summary = JSON.parse(stdout) as { faults: number; figures: { received: number }; wrong: string[] };
  expect(summary.wrong).toEqual([]);
  expect(summary.faults).toBeGreaterThan(10);
  expect(summary.figures.received).toBeGreaterThan(30);
});

test.each([
  ["content", /was never uploaded there/],
  ["lost", /lost: a client was told/],
  ["foreign", /foreign: passwd/],
  ["rollback", /rolled back: \w+ is there, older than/],
] as const)("%s that is planted is found", { timeout: RUN_MS_MAX }, async (plant, says) => {
  const { status, stdout } = await chaos("--minutes", "1", "--seed", "7", "--plant", plant);
  expect(status).toBe(1);
  const { wrong } = JSON.parse(stdout) as { wrong: string[] };
  expect(wrong.join("\n")).toMatch(says);
});
