import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration } from "../../adapters/config/duration.ts";
import { printProblem, shown } from "../../adapters/config/problem.ts";
import { parseSize } from "../../adapters/config/size.ts";
import { parsePeers } from "../../adapters/config/peers-file.ts";

const DAY = 86_400_000;
const EXAMPLE = 'write a number and a unit, such as "2 days" or "1h 30min"';

test.each([
  ["2 days", 2 * DAY],
  ["1 day", DAY],
  ["2h 30min", 9_000_000],
  ["1day12h", 1.5 * DAY],
  [" 1  week ", 7 * DAY],
  ["1M", 2_630_016_000],
  ["1m", 60_000],
  ["1y", 31_557_600_000],
  ["999us", 0],
  ["999us 1us", 1],
  ["1500 ms", 1_500],
  ["0s", 0],
] as const)("the duration %j is %d ms", (text, ms) => {
  expect(parseDuration(text)).toEqual({ ok: true, value: ms });
});

test.each([
  ["2 fortnights", '"fortnights" is no unit; ms, s, min, h, days, weeks are some'],
  ["2 days 10 parsecs", '"parsecs" is no unit; ms, s, min, h, days, weeks are some'],
  ["5s garbage", EXAMPLE],
  ["-1 day", EXAMPLE],
  ["+1 day", EXAMPLE],
  ["1.5 days", EXAMPLE],
  ["1e99 days", '"e" is no unit; ms, s, min, h, days, weeks are some'],
  ["", EXAMPLE],
  ["  ", EXAMPLE],
  ["10", EXAMPLE],
  ["day", EXAMPLE],
  ["1 Day", '"Day" is no unit; ms, s, min, h, days, weeks are some'],
  ["1 day, 2 h", EXAMPLE],
  ["1 0 s", EXAMPLE],
  ["\u0661 s", EXAMPLE],
  ["9".repeat(21) + "s", "use a smaller number"],
  ["99999999999999 years", "use a smaller number"],
])("the duration %j is refused", (text, detail) => {
  expect(parseDuration(text)).toEqual({ ok: false, code: "bad_duration", detail });
});

/** A second table of sizes, in milliseconds, against which the first is checked. */
const UNIT_MS: Readonly<Record<string, number>> = {
  millis: 1,
  msec: 1,
  ms: 1,
  seconds: 1e3,
  second: 1e3,
  secs: 1e3,
  sec: 1e3,
  s: 1e3,
  minutes: 6e4,
  minute: 6e4,
  mins: 6e4,
  min: 6e4,
  m: 6e4,
  hours: 36e5,
  hour: 36e5,
  hrs: 36e5,
  hr: 36e5,
  h: 36e5,
  days: DAY,
  day: DAY,
  d: DAY,
  weeks: 7 * DAY,
  week: 7 * DAY,
  w: 7 * DAY,
  months: 2_630_016e3,
  month: 2_630_016e3,
  M: 2_630_016e3,
  years: 31_557_600e3,
  year: 31_557_600e3,
  y: 31_557_600e3,
};

test("a duration is the sum of its pairs, however they are spaced", () => {
  const space = fc.constantFrom("", " ", "  ", "\t");
  const pair = fc.tuple(space, fc.nat(10_000), space, fc.constantFrom(...Object.keys(UNIT_MS)), space);
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 5 }), (pairs) => {
      const text = pairs.map((parts) => parts.join("")).join("");
      const sum = pairs.reduce(
        (total, [, number, , unit]) => total + number * (UNIT_MS[unit] ?? Number.NaN),
        0,
      );
      expect(parseDuration(text)).toEqual({ ok: true, value: sum });
      expect(parseDuration(`${text} 7`).ok).toBe(false);
      expect(parseDuration(`-${text}`).ok).toBe(false);
    }),
  );
});

test.each([
  ["2", 2],
  ["007", 7],
  ["1_000", 1_000],
  ["1_", 1],
  ["0x10", 16],
  ["0xfF", 255],
  ["0o17", 15],
  ["0b101", 5],
  ["1k", 1_000],
  ["2M", 2_000_000],
  ["3G", 3e9],
  ["1ki", 1_024],
  ["1Mi", 1_048_576],
  ["1Gi", 1_073_741_824],
  ["0x10ki", 16_384],
  ["0", 0],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
] as const)("the integer %j is %d", (text, value) => {
  expect(parseSize(text)).toEqual({ ok: true, value });
});

const WHOLE = "write a whole number, such as 2, 10_000, 0x10 or 4ki";
test.each([
  ["", WHOLE],
  ["k", WHOLE],
  ["_", WHOLE],
  ["_1", WHOLE],
  ["0x", WHOLE],
  ["0x_", WHOLE],
  ["-1", WHOLE],
  ["+1", WHOLE],
  ["1.5", WHOLE],
  ["1e3", WHOLE],
  ["1K", WHOLE],
  ["1KiB", WHOLE],
  ["1 k", WHOLE],
  ["100MiB", WHOLE],
  ["0b2", WHOLE],
  ["0o8", WHOLE],
  ["1kk", WHOLE],
  ["9007199254740992", "use a smaller number"],
  ["9".repeat(81), WHOLE],
])("the integer %j is refused", (text, detail) => {
  expect(parseSize(text)).toEqual({ ok: false, code: "bad_integer", detail });
});

test("an integer reads the same in each base, with and without separators", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const decimal = String(value);
      const forms = [decimal, `0x${value.toString(16)}`, `0o${value.toString(8)}`, `0b${value.toString(2)}`];
      for (const form of [...forms, decimal.split("").join("_")]) {
        expect(parseSize(form)).toEqual({ ok: true, value });
      }
    }),
  );
});

const HOST = "write one name or address a line, such as node1.example.org, 10.0.0.1, ::1 or [::1]:24783";

test("peers: names, IPv4, IPv6 and ports, between comments, blanks and CRLF", () => {
  const text =
    "\ufeff# peers\r\nNode-1.example.org\r\n\r\n  10.0.0.1  \n::1\n[FE80::1]\n[::1]:1\nnode_2:65535\n-x\na..b";
  expect(parsePeers("peers.txt", text)).toEqual({
    peers: [
      { text: "Node-1.example.org", host: "node-1.example.org", port: null },
      { text: "10.0.0.1", host: "10.0.0.1", port: null },
      { text: "::1", host: "::1", port: null },
      { text: "[FE80::1]", host: "fe80::1", port: null },
      { text: "[::1]:1", host: "::1", port: 1 },
      { text: "node_2:65535", host: "node_2", port: 65_535 },
      { text: "-x", host: "-x", port: null },
      { text: "a..b", host: "a..b", port: null },
    ],
    warnings: [],
  });
});

test.each([
  ["http://node1/", 'peers.txt:1:1: no port from 1 to 65535 in "http://node1/"'],
  ["  a b", 'peers.txt:1:3: not a host: "a b"'],
  ["node1:", 'peers.txt:1:1: no port from 1 to 65535 in "node1:"'],
  ["node1:0", 'peers.txt:1:1: no port from 1 to 65535 in "node1:0"'],
  ["node1:65536", 'peers.txt:1:1: no port from 1 to 65535 in "node1:65536"'],
  ["[10.0.0.1]", 'peers.txt:1:1: not an IPv6 address in "[10.0.0.1]"'],
  ["[::1]:x", 'peers.txt:1:1: no port from 1 to 65535 in "[::1]:x"'],
  ["::1:24783", 'peers.txt:1:1: not a host: "::1:24783"'],
  [
    "_ciruela._tcp.a:24783",
    'peers.txt:1:1: a service, which has its own ports, with a port: "_ciruela._tcp.a:24783"',
  ],
  ["\u001b[2Jx", 'peers.txt:1:1: not a host: "\\u001b[2Jx"'],
])("peers: the line %j is skipped with a warning, and the next one counts", (line, message) => {
  const { peers, warnings } = parsePeers("peers.txt", `${line}\ngood`);
  expect(warnings.map(printProblem)).toEqual([`${message}, line skipped: ${HOST}`]);
  expect(peers.map(({ host }) => host)).toEqual(["good"]);
});

test("peers: a list longer than the bound is cut, and says so", () => {
  const { peers, warnings } = parsePeers("peers.txt", "a\n".repeat(100_000));
  expect(peers.length).toBe(10_000);
  expect(warnings.map(printProblem)).toEqual([
    "peers.txt:10001:1: more than 10000 hosts: the rest of the file is skipped",
  ]);
});

test("text in a message is quoted, bounded and free of control characters", () => {
  expect(shown("a\u009b\u202eb\n")).toBe('"a\\u009b\\u202eb\\n"');
  expect(shown("x".repeat(1_000))).toBe(`"${"x".repeat(60)}"...`);
});
