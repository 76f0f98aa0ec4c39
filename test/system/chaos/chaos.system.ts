/**
 * A short chaos run as a person starts it: nothing is wrong, and what is done by hand to a disk is found. Needs root and
 * Debian's iproute2, util-linux, e2fsprogs, mount and python3.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { type Ended, endOf, until } from "../../e2e/rig.ts";

const CHAOS = ["--import", "tsx", "test/chaos/main.ts"];
const RUN_MS_MAX = 600_000;

function chaos(...words: readonly string[]): Promise<Ended> {
  return endOf(
    spawn(process.execPath, [...CHAOS, "--json", ...words], { stdio: ["ignore", "pipe", "pipe"] }),
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

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s in the middle leaves no process, no namespace and no folder behind",
  {
    timeout: RUN_MS_MAX,
  },
  async (signal, status) => {
    const before = [...namespaces(), ...folders(), ...daemons()];
    // Everybody of the terminal is told by Ctrl-C, as a group here.
    const child = spawn(process.execPath, [...CHAOS, "--minutes", "1", "--seed", "3"], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
    const ended = endOf(child);
    await until("a fault has begun", () => /^[\d.]+ s: /m.test(said) || child.exitCode !== null, RUN_MS_MAX);
    expect(daemons().length).toBeGreaterThan(3);
    process.kill(-(child.pid ?? 0), signal);
    expect({ said, ...(await ended) }).toMatchObject({ status });
    expect([...namespaces(), ...folders(), ...daemons()]).toEqual(before);
  },
);

test("somebody else than root is told so, and of no option that there is not", () => {
  const { status, stderr } = spawnSync(process.execPath, [...CHAOS, "--minutes", "1"], {
    encoding: "utf8",
    uid: 65_534,
  });
  expect(stderr).toBe(
    "chaos: it makes network namespaces, which needs root\nnpm run chaos -- --help tells more\n",
  );
  expect(status).toBe(64);
});

const namesIn = (folder: string, like: RegExp): readonly string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) => like.test(name)).toSorted();
const namespaces = () => namesIn("/run/netns", /^ciruela-/);
const folders = () => namesIn(tmpdir(), /^ciruela-chaos-/);
/** Processes whose command line names the folder of a run. */
const daemons = (): readonly string[] =>
  namesIn("/proc", /^\d+$/).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("ciruela-chaos-");
    } catch {
      return false; // it has just ended
    }
  });
