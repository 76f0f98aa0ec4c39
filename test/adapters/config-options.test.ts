import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CommandLine, parseServerOptions } from "../../adapters/config/server-options.ts";

const ID = "0123456789abcdef0123456789abcdef";
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "options-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function parse(args: readonly string[], idText = `${ID}\n`): CommandLine {
  const machineIdFile = join(folder, "machine-id");
  writeFileSync(machineIdFile, idText);
  return parseServerOptions(args, { version: "1.2.3", machineIdFile });
}

const DEFAULTS = {
  configBaseDir: "/etc/ciruela",
  dbDir: "/var/lib/ciruela",
  host: "0.0.0.0",
  port: 24_783,
  maxConnections: 1_000,
  metadataThreads: 2,
  diskThreads: 8,
  cantal: false,
  machineId: ID,
  clockFile: null,
  logMachineId: false,
  aggressiveIndexGc: false,
  scrubEvery: 604_800_000,
  checkConfig: false,
  acceptUnlisted: false,
};

test("the defaults are those of 0.6.12", () => {
  expect(parse(["--override-hostname", "n1"])).toEqual({
    kind: "run",
    options: { ...DEFAULTS, hostname: "n1" },
  });
  expect(parse([])).toMatchObject({ kind: "run", options: { hostname: expect.stringMatching(/./) } });
});

test("every option, once with a space and once with =", () => {
  const values: Readonly<Record<string, string>> = {
    "--config-base-dir": "/c",
    "--db-dir": "/d",
    "--host": "::1",
    "--port": "1",
    "--max-connections": "5",
    "--metadata-threads": "6",
    "--disk-threads": "7",
    "--override-machine-id": "F".repeat(32),
    "--override-hostname": "h",
    "--override-clock": "/k",
    "--scrub-every": "2h 30min",
  };
  const flags = [
    "--cantal",
    "--log-machine-id",
    "--aggressive-index-gc",
    "--check-config",
    "--accept-unlisted",
  ];
  const options = {
    configBaseDir: "/c",
    dbDir: "/d",
    host: "::1",
    port: 1,
    maxConnections: 5,
    metadataThreads: 6,
    diskThreads: 7,
    machineId: "f".repeat(32),
    hostname: "h",
    clockFile: "/k",
    cantal: true,
    logMachineId: true,
    aggressiveIndexGc: true,
    scrubEvery: 9_000_000,
    checkConfig: true,
    acceptUnlisted: true,
  };
  expect(parse([...Object.entries(values).flat(), ...flags])).toEqual({ kind: "run", options });
  expect(parse([...Object.entries(values).map((pair) => pair.join("=")), ...flags])).toEqual({
    kind: "run",
    options,
  });
  expect(parse(["-c", "/x"])).toMatchObject({ options: { configBaseDir: "/x" } });
});

test("--version and --help are answers, also without a machine id", () => {
  expect(parse(["--version"], "")).toEqual({ kind: "print", text: "1.2.3\n" });
  const help = parse(["-h"], "");
  expect(help).toMatchObject({ kind: "print", text: expect.stringContaining("--check-config") });
  expect(parse(["--help"], "")).toEqual(help);
});

test.each<[readonly string[], string]>([
  [["--nonsense"], "unknown option '--nonsense'"],
  [["--prot", "1"], "unknown option '--prot'\n(Did you mean --port?)"],
  [
    ["--scrub-every", "often"],
    'option \'--scrub-every <time>\' argument \'often\' is invalid. "often" is no time: write a number and a unit, such as "2 days" or "1h 30min".',
  ],
  [
    ["--scrub-every", "999ms"],
    "option '--scrub-every <time>' argument '999ms' is invalid. \"999ms\" is less than a second.",
  ],
  [["extra"], "too many arguments. Expected 0 arguments but got 1."],
  [["--port"], "option '--port <n>' argument missing"],
  [["--port", "0"], "option '--port <n>' argument '0' is invalid. \"0\" is no whole number from 1 to 65535."],
  [
    ["--port=65536"],
    "option '--port <n>' argument '65536' is invalid. \"65536\" is no whole number from 1 to 65535.",
  ],
  [
    ["--port=0x10"],
    "option '--port <n>' argument '0x10' is invalid. \"0x10\" is no whole number from 1 to 65535.",
  ],
  [
    ["--disk-threads=-1"],
    "option '--disk-threads <n>' argument '-1' is invalid. \"-1\" is no whole number from 1 to 1024.",
  ],
  [
    ["--host", "localhost"],
    "option '--host <ip>' argument 'localhost' is invalid. \"localhost\" is no IP address; names are not taken here.",
  ],
  [["--db-dir="], "option '--db-dir <dir>' argument '' is invalid. DIR is empty or holds a zero byte."],
  [
    ["--override-machine-id=abc"],
    "option '--override-machine-id <hex32>' argument 'abc' is invalid. \"abc\" is not 32 hex digits.",
  ],
])("%j is wrong usage", (args, what) => {
  const text = `ciruela-server: ${what}\nTry ciruela-server --help\n`;
  expect(parse(args)).toEqual({ kind: "stop", exit: 64, text });
});

test.each([
  ["", "is not 32 hex digits"],
  [`${ID}\n\n`, "is not 32 hex digits"],
  [`${ID.slice(1)}\n`, "is not 32 hex digits"],
  ["uninitialized\n", "is not 32 hex digits"],
])("the machine id file %j ends the start, unless it is overridden", (idText, what) => {
  const file = join(folder, "machine-id");
  const mend = "mend it (systemd-machine-id-setup), or give --override-machine-id";
  expect(parse([], idText)).toEqual({
    kind: "stop",
    exit: 78,
    text: `ciruela-server: ${file} ${what}: ${mend}\n`,
  });
  expect(parse([`--override-machine-id=${ID}`], idText)).toMatchObject({
    kind: "run",
    options: { machineId: ID },
  });
});

test("a machine id without a final newline, and a missing file", () => {
  expect(parse([], ID)).toMatchObject({ kind: "run", options: { machineId: ID } });
  const machineIdFile = join(folder, "none");
  expect(parseServerOptions([], { version: "1", machineIdFile })).toMatchObject({
    exit: 78,
    text: expect.stringContaining("none is not readable (ENOENT): mend it"),
  });
});
