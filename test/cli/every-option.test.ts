/** Every option of 0.6.12 by the tables of its specification (cli.md 1 to 9, config.md 1), in each of its spellings. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { describeClient, parseCommandLine } from "../../adapters/cli/command-line.ts";
import { describeServer, parseServerOptions } from "../../adapters/config/server-options.ts";

type Row = {
  readonly option: string;
  readonly short?: string;
  /** Null: an option without a value. */
  readonly value: string | null;
  readonly means: object;
  /** What it means where it is not given. */
  readonly otherwise?: object;
};

const ID = "0123456789abcdef".repeat(4);
const job = (mode: string, oldImage: string | null = null) => ({
  uploads: [{ source: "./b", path: "/k/1", mode, oldImage }],
});

const KEYS: readonly Row[] = [
  {
    option: "--identity",
    short: "-i",
    value: "f",
    means: { identityFiles: ["f"] },
    otherwise: { identityFiles: [] },
  },
  { option: "--key-from-env", short: "-k", value: "V", means: { identityVariables: ["V"] } },
];
const ENOUGH: readonly Row[] = [
  {
    option: "--multiple",
    short: "-m",
    value: null,
    means: { clusters: [{ entryPoints: ["n1", "n2"] }] },
    otherwise: { clusters: [{ entryPoints: ["n1"] }, { entryPoints: ["n2"] }] },
  },
  {
    option: "--early-timeout",
    short: "-e",
    value: "1min 5s",
    means: { earlyMs: 65_000 },
    otherwise: { earlyMs: 30_000 },
  },
  { option: "--early-fraction", value: "0.5", means: { earlyShare: 500 }, otherwise: { earlyShare: 750 } },
  { option: "--early-hosts", value: "7", means: { earlyHosts: 7 }, otherwise: { earlyHosts: 3 } },
  {
    option: "--deadline",
    short: "-t",
    value: "2h",
    means: { deadlineMs: 7_200_000 },
    otherwise: { deadlineMs: 1_800_000 },
  },
];
const PROGRESS: Row = {
  option: "--print-progress",
  value: "5sec",
  means: { progressMs: 5_000 },
  otherwise: { progressMs: null },
};
const GLOBAL: readonly Row[] = [
  { option: "--port", value: "99", means: { port: 99 }, otherwise: { port: 24_783 } },
  { option: "--disk-threads", value: "0", means: { diskThreads: 0 }, otherwise: { diskThreads: 4 } },
];
const FILE: readonly Row[] = [
  { option: "--dir", short: "-d", value: "/k/2", means: { path: "/k/2" } },
  { option: "--file", short: "-f", value: "/b/c", means: { file: "/b/c" } },
];

/** What a command needs, by option; a row that gives one of these takes its place. */
type Command = {
  readonly name: string;
  readonly needs: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
  readonly rows: readonly Row[];
};
const HOSTS = ["n1", "n2"];
const COMMANDS: readonly Command[] = [
  {
    name: "sync",
    needs: { "--replace": "a:/k/9" },
    hosts: HOSTS,
    rows: [
      ...KEYS,
      ...ENOUGH,
      PROGRESS,
      { option: "--append", value: "./b:/k/1", means: { uploads: [job("append").uploads[0], {}] } },
      { option: "--append-weak", value: "./b:/k/1", means: { uploads: [job("append_weak").uploads[0], {}] } },
      { option: "--replace", value: "./b:/k/1", means: job("replace") },
      { option: "--replace", value: `./b:/k/1:${ID}`, means: job("replace", ID) },
    ],
  },
  {
    name: "edit",
    needs: { "--dir": "/k/1", "--file": "/a" },
    hosts: HOSTS,
    rows: [
      ...KEYS,
      ...ENOUGH,
      ...FILE,
      { option: "--editor", value: "vi", means: { kind: "edit" } }, // taken, and without effect there too
    ],
  },
  {
    name: "put-file",
    needs: { "--dir": "/k/1", "--file": "/a", "--source": "s" },
    hosts: HOSTS,
    rows: [
      ...KEYS,
      ...ENOUGH,
      ...FILE,
      { option: "--source", short: "-s", value: "other", means: { local: "other" } },
    ],
  },
  {
    name: "upload",
    needs: { "--directory": "b" },
    hosts: ["n1:/k/1"],
    rows: [
      ...KEYS,
      ...GLOBAL,
      {
        option: "--directory",
        short: "-d",
        value: "other",
        means: { parts: [{ job: { source: "other" } }] },
      },
      {
        option: "--replace",
        value: null,
        means: { parts: [{ job: { mode: "replace" } }] },
        otherwise: { parts: [{ job: { mode: "append" } }] },
      },
      {
        option: "--no-fail-on-conflict",
        short: "-x",
        value: null,
        means: { parts: [{ job: { mode: "append_weak" } }] },
      },
    ],
  },
];

/** `--opt value`, `--opt=value`, `-o value`, or the flag alone. */
function spellings({ option, short, value }: Row): readonly (readonly string[])[] {
  const flags = [option, ...(short === undefined ? [] : [short])];
  if (value === null) return flags.map((flag) => [flag]);
  return [[`${option}=${value}`], ...flags.map((flag) => [flag, value])];
}

const rowsOf = (commands: readonly Command[]) =>
  commands.flatMap((command) =>
    command.rows.map(
      (row) => [command.name, `${row.option} ${row.value ?? ""}`.trim(), command, row] as const,
    ),
  );

describe("the client", () => {
  test.each(rowsOf(COMMANDS))("%s %s", (_, __, { name, needs, hosts }, row) => {
    const rest = Object.entries(needs).flatMap(([option, value]) =>
      option === row.option ? [] : [option, value],
    );
    for (const words of spellings(row)) {
      const parsed = parseCommandLine([name, ...words, ...rest, ...hosts], "1.2.3");
      expect(parsed, words.join(" ")).toMatchObject({ ok: true, value: row.means });
    }
    if (row.otherwise === undefined) return;
    const without = parseCommandLine([name, ...rest, ...hosts], "1.2.3");
    expect(without).toMatchObject({ ok: true, value: row.otherwise });
  });

  test.each(GLOBAL.map((row) => [row.option, row] as const))("%s before the command", (_, row) => {
    const rest = ["sync", "--replace", "a:/k/9", "n1"];
    for (const words of spellings(row))
      expect(parseCommandLine([...words, ...rest], "1.2.3")).toMatchObject({ ok: true, value: row.means });
    expect(parseCommandLine(rest, "1.2.3")).toMatchObject({ ok: true, value: row.otherwise });
  });

  test.each(["sync", "edit", "put-file", "upload"])("what %s has besides is of ours", (name) => {
    const OURS = ["--json", "--confirm", "--dry-run", "--redo", "--yes", "--multiple", "--print-progress"];
    const ENDS = ["--early-timeout", "--early-fraction", "--early-hosts", "--deadline"]; // of `upload`, which has none there
    const command = describeClient("1.2.3", () => {}).commands.find((each) => each.name() === name);
    const known = COMMANDS.find((each) => each.name === name)?.rows.map(({ option }) => option) ?? [];
    const others = (command?.options ?? [])
      .map(({ long }) => long ?? "")
      .filter((long) => !known.includes(long));
    expect(others.filter((long) => ![...OURS, ...ENDS].includes(long))).toEqual([]);
  });

  const described = describeClient("1.2.3", () => {});
  test.each([described, ...described.commands].map((command) => [command.name(), command] as const))(
    "every option of %s is in its help, in each spelling and with what it does",
    (name, command) => {
      const help = parseCommandLine(command === described ? ["--help"] : [name, "--help"], "1.2.3");
      if (!help.ok || help.value.kind !== "text") throw new Error("no help");
      const text = help.value.text.replace(/\s+/g, " ");
      const lines = help.value.text.split("\n").map((line) => line.trim());
      const unsaid = command.options.filter(
        ({ flags, description }) =>
          !lines.some((line) => line.startsWith(`${flags} `)) ||
          description.length < 5 ||
          !text.includes(`${flags} ${description.replace(/\s+/g, " ")}`),
      );
      expect(unsaid.map(({ long }) => long)).toEqual(name === "edit" ? ["--editor"] : []); // without effect
      expect(lines.some((line) => line.startsWith("-h, --help "))).toBe(true);
    },
  );
});

const folder = mkdtempSync(join(tmpdir(), "ciruela-options-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const machineIdFile = join(folder, "machine-id");
writeFileSync(machineIdFile, `${"a".repeat(32)}\n`);
const around = { version: "1.2.3", machineIdFile };

const SERVER: readonly Row[] = [
  {
    option: "--config-base-dir",
    short: "-c",
    value: "/c",
    means: { configBaseDir: "/c" },
    otherwise: { configBaseDir: "/etc/ciruela" },
  },
  { option: "--db-dir", value: "/d", means: { dbDir: "/d" }, otherwise: { dbDir: "/var/lib/ciruela" } },
  { option: "--host", value: "10.0.0.1", means: { host: "10.0.0.1" }, otherwise: { host: "0.0.0.0" } },
  { option: "--port", value: "99", means: { port: 99 }, otherwise: { port: 24_783 } },
  {
    option: "--max-connections",
    value: "5",
    means: { maxConnections: 5 },
    otherwise: { maxConnections: 1_000 },
  },
  {
    option: "--metadata-threads",
    value: "3",
    means: { metadataThreads: 3 },
    otherwise: { metadataThreads: 2 },
  },
  { option: "--disk-threads", value: "3", means: { diskThreads: 3 }, otherwise: { diskThreads: 8 } },
  { option: "--cantal", value: null, means: { cantal: true }, otherwise: { cantal: false } },
  {
    option: "--override-machine-id",
    value: "B".repeat(32),
    means: { machineId: "b".repeat(32) },
    otherwise: { machineId: "a".repeat(32) },
  },
  {
    option: "--override-hostname",
    value: "n7",
    means: { hostname: "n7" },
    otherwise: { hostname: hostname() },
  },
  {
    option: "--log-machine-id",
    value: null,
    means: { logMachineId: true },
    otherwise: { logMachineId: false },
  },
  {
    option: "--aggressive-index-gc",
    value: null,
    means: { aggressiveIndexGc: true },
    otherwise: { aggressiveIndexGc: false },
  },
];

describe("the server", () => {
  test.each(SERVER.map((row) => [row.option, row] as const))("%s", (_, row) => {
    for (const words of spellings(row))
      expect(parseServerOptions(words, around), words.join(" ")).toMatchObject({
        kind: "run",
        options: row.means,
      });
    expect(parseServerOptions([], around)).toMatchObject({ kind: "run", options: row.otherwise });
  });

  test("--version and --help end with a text", () => {
    expect(parseServerOptions(["--version"], around)).toEqual({ kind: "print", text: "1.2.3\n" });
    for (const word of ["-h", "--help"])
      expect(parseServerOptions([word], around)).toMatchObject({
        kind: "print",
        text: expect.stringMatching(/^Usage: /),
      });
  });

  test("what it has besides is of ours", () => {
    const known = [
      ...SERVER.map(({ option }) => option),
      "--version",
      "--check-config",
      "--accept-unlisted",
      "--override-clock",
      "--scrub-every",
    ];
    const all = describeServer("1.2.3", () => {}).options.map(({ long }) => long ?? "");
    expect(all.filter((long) => !known.includes(long))).toEqual([]);
  });
});
