import { expect, test } from "vitest";
import { parseArguments } from "../../sim/cli/arguments.ts";

test.each([
  ["--seed 42", { kind: "seeds", from: 42, to: 42 }],
  ["--seeds 1..300", { kind: "seeds", from: 1, to: 300 }],
  ["--seeds=7..7", { kind: "seeds", from: 7, to: 7 }],
  ["--script a.sim", { kind: "script", file: "a.sim" }],
])("%s says what is run", (text, what) => {
  const parsed = parseArguments(text.split(" "));
  expect(parsed).toEqual({
    ok: true,
    command: { kind: "run", what, mutant: null, jobs: null, shrink: true },
  });
});

test("a mutant, a number of processes and no smaller script can be asked for", () => {
  const parsed = parseArguments("--seed 1 --mutant winner_reversed --jobs 2 --no-shrink".split(" "));
  expect(parsed).toMatchObject({ command: { mutant: "winner_reversed", jobs: 2, shrink: false } });
});

test("help is asked for wherever it stands", () => {
  expect(parseArguments(["--seed", "1", "--help"])).toEqual({ ok: true, command: { kind: "help" } });
});

test.each([
  "",
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
