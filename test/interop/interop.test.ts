/** The suite itself: rows run, a planted fault is found, and what is wrong with a command is said before anything runs. */
import { beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { type Options, parseOptions } from "./options.ts";
import { lineOf, summaryOf } from "./report.ts";
import { ROWS } from "./rows.ts";
import { type Result, runRows, skipReason } from "./run.ts";

beforeAll(build);

function optionsOf(...args: readonly string[]): Options {
  const parsed = parseOptions(args);
  if (parsed.kind !== "run") throw new Error(`no options: ${JSON.stringify(parsed)}`);
  return parsed.options;
}

async function run(ids: readonly string[], options: Options): Promise<readonly Result[]> {
  const rows = ROWS.filter(({ id }) => ids.includes(id));
  expect(rows.length).toBe(ids.length);
  return runRows(rows, options, () => undefined);
}

test("every row has a name of its own, which scripts can write", () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(100);
  expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
  for (const { id } of ROWS) expect(id).toMatch(/^[a-z0-9-]{4,36}$/);
});

test("rows are green with ours in every role", async () => {
  const results = await run(["append-odd-names", "replace-to-other", "replace-unless-server"], optionsOf());
  for (const { outcome } of results) expect(outcome).toEqual({ kind: "green" });
});

test("a planted fault is found, and one that the row cannot see is not", async () => {
  const options = optionsOf("--plant");
  const [found] = await run(["append-to-server"], options);
  expect(found?.outcome).toEqual({ kind: "green" });
  const row = ROWS.find(({ id }) => id === "append-to-server");
  if (row === undefined) throw new Error("there is no such row");
  const harmless = { ...row, plant: { ...row.plant, what: "nothing happens", act: () => undefined } };
  const results = await runRows([harmless], options, () => undefined);
  expect(results[0]?.outcome).toMatchObject({ kind: "red", why: "stays green although nothing happens" });
  expect(summaryOf(results, 1, true)).toMatchObject({ green: 0, red: 1, skipped: 0 });
});

test("a server that is no server makes the row red, with what it said", async () => {
  const places = "{config} {db} {ip} {port} {machine_id}";
  const [result] = await run(
    ["append-to-server"],
    optionsOf("--server", `sh -c 'echo no >&2; exit 7' ${places}`),
  );
  expect(result?.outcome).toMatchObject({
    kind: "red",
    why: "server 1 (server) ended with 7 at its start",
    logs: expect.stringMatching(/server 1 \(server\):\n\s+no/),
  });
});

test("a row that needs one of our features is skipped for a foreign command, counted, and named", () => {
  const row = {
    ...ROWS[0],
    id: "needy",
    needs: [{ role: "client", feature: "wings" }],
  } as (typeof ROWS)[number];
  expect(skipReason(row, optionsOf().commands)).toBeNull();
  expect(skipReason(row, optionsOf("--client", "ciruela").commands)).toBe("the foreign client has no wings");
  expect(skipReason(row, optionsOf("--client", "x", "--ours", "client").commands)).toBeNull();
  const result: Result = {
    row,
    outcome: { kind: "skipped", why: "the foreign client has no wings" },
    seconds: 0,
  };
  expect(lineOf(result, false)).toMatch(/^needy +skipped +0\.0 {2}the foreign client has no wings$/);
  expect(summaryOf([result], 1, false)).toMatchObject({ rows: 1, green: 0, red: 0, skipped: 1 });
});

test("commands are split and filled as their users mean it", () => {
  const { commands } = optionsOf("--client", `env "A=b c" 'd e'f ci\\ ruela --port {port} {args} -- {hosts}`);
  expect(commands.client.words).toEqual([
    "env",
    "A=b c",
    "d ef",
    "ci ruela",
    "--port",
    "{port}",
    "{args}",
    "--",
    "{hosts}",
  ]);
});

test.each([
  [["--jobs", "0"], /--jobs/],
  [["--wings"], /wings/],
  [["--ours", "wings"], /there are server, other-server, client/],
  [["--client", "ciruela 'x"], /quote is not closed/],
  [["--client", " "], /empty/],
  [["--client", "ciruela {wings}"], /\{wings\} means nothing/],
  [["--server", "x {config} {db} {ip} {port}"], /\{machine_id\} is missing/],
])("%j is refused", (args, says) => {
  expect(parseOptions(args)).toMatchObject({ kind: "wrong", what: expect.stringMatching(says) });
});
