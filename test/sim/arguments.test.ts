import { expect, test } from "vitest";
import { COMMANDS, parseArguments } from "../../sim/cli/commands.ts";

const COMMON = { mutant: null, jobs: null };
const CAMPAIGN = { ...COMMON, shard: { at: 0, of: 1 }, out: null };
const RUN = { shrink: true, check: false, trace: false, ...CAMPAIGN };

test.each([
  ["--seed 42", "run", { ...RUN, what: { kind: "seeds", from: 42, to: 42 } }],
  ["--seeds 1..300", "run", { ...RUN, what: { kind: "seeds", from: 1, to: 300 } }],
  ["run --seeds=7..7 --check", "run", { ...RUN, check: true, what: { kind: "seeds", from: 7, to: 7 } }],
  ["--script a.sim", "run", { ...RUN, what: { kind: "script", file: "a.sim" } }],
  ["run a.sim --trace ndjson", "run", { ...RUN, trace: true, what: { kind: "script", file: "a.sim" } }],
  [
    "run --seeds 1..9 --shard 2/3 --out f",
    "run",
    { ...RUN, shard: { at: 1, of: 3 }, out: "f", what: { kind: "seeds", from: 1, to: 9 } },
  ],
  ["hunt --minutes 0.5 --first 7", "hunt", { ...CAMPAIGN, minutes: 0.5, from: 7 }],
  [
    "run a.sim --diagram --html p",
    "run",
    { ...RUN, views: { diagram: true, html: "p" }, what: { kind: "script", file: "a.sim" } },
  ],
  ["why --seed 3 --html=p", "why", { ...COMMON, views: { diagram: false, html: "p" } }],
  ["replay -", "replay", { ...COMMON, what: { kind: "script", file: "-" } }],
  [
    "shrink --seed 3 --mutant x",
    "shrink",
    { ...COMMON, mutant: "x", what: { kind: "seeds", from: 3, to: 3 } },
  ],
  ["why a.sim", "why", { ...COMMON, what: { kind: "script", file: "a.sim" } }],
  [
    "keep a.sim --name late-join",
    "keep",
    { ...COMMON, name: "late-join", what: { kind: "script", file: "a.sim" } },
  ],
  [
    "fork a.sim --at 1500ms --futures 3..4",
    "fork",
    {
      ...COMMON,
      what: { kind: "script", file: "a.sim" },
      at: 1_500_000,
      lines: null,
      futures: { kind: "seeds", from: 3, to: 4 },
    },
  ],
  [
    "compare --a nodes=3,gossipFanout=2 --b mutant=x --seeds 1..9",
    "compare",
    {
      a: { limits: { gossipFanout: 2 }, nodes: 3, mutant: null },
      b: { limits: {}, nodes: null, mutant: "x" },
      seeds: { kind: "seeds", from: 1, to: 9 },
    },
  ],
  ["map a b", "map", { ...COMMON, seeds: null, files: ["a", "b"] }],
  ["property --runs 9 --first 2", "property", { ...COMMON, runs: 9, seed: 2 }],
  ["merge a b --out c", "merge", { files: ["a", "b"], out: "c" }],
  ["mutants x --seeds 9", "mutants", { jobs: null, names: ["x"], seeds: 9 }],
])("%s is a command", (text, name, asked) => {
  expect(parseArguments(text.split(" "))).toMatchObject({ kind: "command", name, asked });
});

test("nothing at all is the demonstration", () => {
  expect(parseArguments([])).toMatchObject({ kind: "command", name: "demo", asked: { jobs: null } });
});

test("a mutant, a number of processes and no smaller script can be asked for", () => {
  const parsed = parseArguments("--seed 1 --mutant winner_reversed --jobs 2 --no-shrink".split(" "));
  expect(parsed).toMatchObject({ asked: { mutant: "winner_reversed", jobs: 2, shrink: false } });
});

test("help is asked for wherever it stands", () => {
  const all = parseArguments(["--seed", "1", "--help"]);
  for (const { usage } of COMMANDS.values()) {
    expect(all).toMatchObject({ kind: "help", text: expect.stringContaining(usage) as string });
  }
  expect(parseArguments(["why", "--help"])).toMatchObject({
    kind: "help",
    text: expect.stringMatching(/^npm run sim -- why /) as string,
  });
});

test.each([
  "--shard 4/3 --seed 1",
  "--trace xml --seed 1",
  "--trace ndjson --seeds 1..2",
  "--html p --seeds 1..2",
  "--diagram --seeds 1..2",
  "run a.sim --trace ndjson --html p",
  "run a.sim --trace ndjson --diagram",
  "run a.sim --html",
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
  "fork --seed 1",
  "fork --seed 1 --at soon",
  "fork --seed 1 --at 1s --lines x --futures 1..2",
  "compare --a gossipFanout=2",
  "compare --b gossipFanout",
  "compare --b gossipfanout=2",
  "compare --b nodes=0",
  "map",
  "map a --seeds 1..2",
  "property --runs 0",
  "--sed 1",
  "42",
])("`%s` is a wrong command line, in words", (text) => {
  const parsed = parseArguments(text.split(" ").filter((word) => word !== ""));
  expect(parsed).toMatchObject({ kind: "wrong", what: expect.stringMatching(/\w+ .*\w+/) as string });
});
