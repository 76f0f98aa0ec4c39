import { expect, test } from "vitest";
import { createLog, logLevel, type LogLevel } from "../../adapters/log.ts";

function noted(level: LogLevel, machine: string | null = null) {
  const lines: string[] = [];
  const clock = { mono: 0 };
  const log = createLog({ level, machine, write: (line) => void lines.push(line), mono: () => clock.mono });
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, clock, parsed };
}

test("a line is one JSON object with level, time, event and the fields", () => {
  const { log, lines, parsed } = noted("info", "ab".repeat(16));
  log.trace("download_done", { image: "x", fetched_bytes: 3, whole: true, level: "mine" });
  expect(lines[0]?.endsWith("\n")).toBe(true);
  const { time, ...rest } = parsed()[0] ?? {};
  expect(rest).toEqual({
    level: "info",
    machine_id: "ab".repeat(16),
    event: "download_done",
    image: "x",
    fetched_bytes: 3,
    whole: true,
    level_: "mine",
  });
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("the machine of the lines about the start has its own name, and is told once", () => {
  const machine = "ab".repeat(16);
  for (const each of [null, machine]) {
    const { log, lines, parsed } = noted("info", each);
    log.trace("listening", { machine_id: machine });
    expect(parsed()[0]).toMatchObject({ event: "listening", machine_id: machine });
    expect(lines[0]?.match(/machine_id/g)).toHaveLength(1);
  }
});

test("a download that rests because of the disk is told to everybody who reads warnings", () => {
  const { log, parsed } = noted("warn");
  log.trace("download_resting", { path: "/site/a", code: "no_space", detail: "write: ENOSPC" });
  expect(parsed()).toMatchObject([{ level: "warn", event: "download_resting", code: "no_space" }]);
});

test("what a stranger chose neither breaks the line, nor moves the cursor, nor grows", () => {
  const { log, lines, parsed } = noted("info");
  log.trace("upload_refused", { path: `a\nb\u001b[2J\u009b1m\u202eb"${"x".repeat(9_999)}` });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trimEnd()).toMatch(/^[\x20-\x7e]*$/);
  const path = String(parsed()[0]?.["path"]);
  expect(path.startsWith('a\nb\u001b[2J\\u009b1m\\u202eb"x')).toBe(true);
  expect(path.length).toBeLessThan(300);
});

test("levels hide what is below them, and a mark has the level of the table", () => {
  const { log, parsed } = noted("warn");
  log.trace("listening", { address: "a" });
  log.trace("block_refused", { peer: "p" });
  log.trace("crashed", { error: "e" });
  expect(parsed().map((line) => [line["level"], line["event"]])).toEqual([
    ["warn", "block_refused"],
    ["error", "crashed"],
  ]);
});

test("the same line again is held back and counted; other fields and the next window are written", () => {
  const { log, clock, parsed } = noted("info");
  for (let each = 0; each < 50; each++) log.trace("upload_refused", { reason: "a" });
  log.trace("upload_refused", { reason: "b" });
  clock.mono = 10_001;
  log.trace("upload_refused", { reason: "a" });
  const lines = parsed().map((line) => [line["event"], line["reason"], line["held"]]);
  expect(lines).toEqual([
    ...Array.from({ length: 5 }, () => ["upload_refused", "a", undefined]),
    ["upload_refused", "b", undefined],
    ["lines_held_back", "a", 45],
    ["upload_refused", "a", undefined],
  ]);
});

test("one event in ten thousand variations is held back too", () => {
  const { log, lines } = noted("info");
  for (let each = 0; each < 10_000; each++) log.trace("upload_refused", { reason: `r${each}` });
  expect(lines).toHaveLength(1_000);
});

test.each([
  [{}, "info"],
  [{ RUST_LOG: "warn" }, "warn"],
  [{ RUST_LOG: "debug,tk_http=warn" }, "debug"],
  [{ RUST_LOG: "warn,ciruela=debug" }, "debug"],
  [{ RUST_LOG: "tk_http=trace" }, "info"],
  [{ RUST_LOG: "nonsense" }, "info"],
  [{ RUST_LOG: "debug", CIRUELA_LOG: "off" }, "silent"],
])("%j logs at %s", (environment, level) => {
  expect(logLevel(environment)).toBe(level);
});
