import { expect, test } from "vitest";
import { parseArguments } from "../../sim/cli/arguments.ts";

const COMMON = { mutant: null, jobs: null };
const CAMPAIGN = { ...COMMON, shard: { at: 0, of: 1 }, out: null };
const RUN = { kind: "run", shrink: true, check: false, trace: false, ...CAMPAIGN };

test.each([
  ["--seed 42", { ...RUN, what: { kind: "seeds", from: 42, to: 42 } }],
  ["--seeds 1..300", { ...RUN, what: { kind: "seeds", from: 1, to: 300 } }],
  ["run --seeds=7..7 --check", { ...RUN, check: true, what: { kind: "seeds", from: 7, to: 7 } }],
  ["--script a.sim", { ...RUN, what: { kind: "script", file: "a.sim" } }],
  ["run a.sim --trace ndjson", { ...RUN, trace: true, what: { kind: "script", file: "a.sim" } }],
  [
    "run --seeds 1..9 --shard 2/3 --out f",
    { ...RUN, shard: { at: 1, of: 3 }, out: "f", what: { kind: "seeds", from: 1, to: 9 } },
  ],
  ["hunt --minutes 0.5 --first 7", { ...CAMPAIGN, kind: "hunt", minutes: 0.5, from: 7 }],
  ["replay -", { ...COMMON, kind: "replay", what: { kind: "script", file: "-" } }],
  [
    "shrink --seed 3 --mutant x",
    { ...COMMON, kind: "shrink", mutant: "x", what: { kind: "seeds", from: 3, to: 3 } },
  ],
  ["why a.sim", { ...COMMON, kind: "why", what: { kind: "script", file: "a.sim" } }],
  [
    "keep a.sim --name late-join",
    { ...COMMON, kind: "keep", name: "late-join", what: { kind: "script", file: "a.sim" } },
  ],
  ["merge a b --out c", { kind: "merge", files: ["a", "b"], out: "c" }],
  ["mutants x --seeds 9", { ...COMMON, kind: "mutants", names: ["x"], seeds: 9 }],
])("%s is a command", (text, command) => {
  expect(parseArguments(text.split(" "))).toEqual({ ok: true, command });
});

test("nothing at all is the demonstration", () => {
  expect(parseArguments([])).toEqual({ ok: true, command: { kind: "demo", ...COMMON } });
});

test("a mutant, a number of processes and no smaller script can be asked for", () => {
  const parsed = parseArguments("--seed 1 --mutant winner_reversed --jobs 2 --no-shrink".split(" "));
  expect(parsed).toMatchObject({ command: { mutant: "winner_reversed", jobs: 2, shrink: false } });
});

test("help is asked for wherever it stands", () => {
  expect(parseArguments(["--seed", "1", "--help"])).toEqual({
    ok: true,
    command: { kind: "help", of: null },
  });
  expect(parseArguments(["why", "--help"])).toEqual({ ok: true, command: { kind: "help", of: "why" } });
});

test.each([
  "--shard 4/3 --seed 1",
  "--trace xml --seed 1",
  "--trace ndjson --seeds 1..2",
  "hunt --minutes x",
  "keep --seed 1",
  "why",
  "merge",
  "replay --seed 1",
  "--seed",
  "--seed x",
  "--seed -1",
  "--seed 1 --seed 2",
  "--seed 1 --seeds 1..2",
  "--seeds 5",
  "--seeds 5..4",
  "--seeds 1..2..3",
  "--seed 1 --jobs 0",
  "--seed 1 --mutant",
  "--sed 1",
  "42",
])("`%s` is a wrong command line, in words", (text) => {
  const parsed = parseArguments(text.split(" ").filter((word) => word !== ""));
  expect(parsed.ok).toBe(false);
  expect(parsed.ok ? "" : parsed.what).toMatch(/\w+ .*\w+/);
});
