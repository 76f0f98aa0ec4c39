import { expect, test } from "vitest";
import { createBar } from "../../adapters/cli/bar.ts";
import { createJson } from "../../adapters/cli/json.ts";
import { createLines } from "../../adapters/cli/lines.ts";
import type { View } from "../../adapters/cli/view.ts";
import type { Report } from "../../kernel/report.ts";
import {
  ABORTED,
  ACCEPTED,
  finished,
  IMAGE,
  keep,
  progress,
  received,
  rejected,
  SCAN,
  SCANNED,
  UNREACHABLE,
} from "./told.ts";

const KEYS = ["ssh-ed25519 AAAA", "ssh-ed25519 BBBB"];
const COMMON = { version: "1.2.3", elapsedMs: () => 500 };
const WHOLE_RUN = [
  SCAN,
  SCANNED,
  UNREACHABLE,
  UNREACHABLE,
  ACCEPTED,
  progress(),
  ...received(1, ["n2"]),
  ...received(2, []),
  finished(true),
];

function tell(view: View, reports: readonly Report[], status = 0): void {
  view.keys(KEYS, []);
  for (const report of reports) view.report(report);
  view.result({ status, elapsedMs: 2_000 });
}

function linesOf(reports: readonly Report[]): { readonly out: string; readonly err: readonly string[] } {
  const [stdout, stderr] = [keep(), keep()];
  tell(createLines({ ...COMMON, stdout, stderr }), reports);
  return { out: stdout.text, err: stderr.text.split("\n").slice(3, -1) };
}

function objectsOf(reports: readonly Report[], status = 0): readonly Record<string, unknown>[] {
  const stdout = keep();
  tell(createJson({ version: "1.2.3", stdout }), reports, status);
  return stdout.text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("stdout has one line about safety, at the first server; the rest is on stderr", () => {
  const { out, err } = linesOf(WHOLE_RUN);
  expect(out).toBe(`safe to disconnect: 1 servers hold all blocks of ${IMAGE}\n`);
  expect(err).toEqual([
    'Indexing "./build": 0 B of 200.0 MiB',
    'warning: "./build": left out what is no file, directory or link: "/socket"',
    "Done abababab. Indexed 2 dirs, 3 files, 1 symlinks (200.0 MiB) in 0.500s.",
    "n1.example.org: cannot reach 10.0.0.1:24783: no connection",
    "Progress of n1.example.org:/site/current: 25% (50.0 MiB of 200.0 MiB sent, 10.0 MiB/s, 0:15 left), 2 servers left: n1, n2",
    "Upload to n1.example.org:/site/current: fetched from n1, n2 in 1.2s",
  ]);
});

test("a refusal is one line with server, reason and advice, and with the keys when it is about keys", () => {
  const { err } = linesOf([SCANNED, rejected("signature_mismatch"), rejected("x\nunheard of"), ABORTED]);
  expect(err[2]).toMatch(
    /^n1.example.org:\/site\/current: rejected by 10.0.0.1:24783: signature_mismatch: none of your keys may write there; .*; public keys tried: ssh-ed25519 AAAA, ssh-ed25519 BBBB$/,
  );
  expect(err[3]).toBe("n1.example.org:/site/current: rejected by 10.0.0.1:24783: x\\nunheard of");
  expect(err[4]).toMatch(/aborted by n2: disk_full: the disk of the server is full; make room/);
});

test("an upload that failed says why and how far it came", () => {
  expect(linesOf([SCANNED, rejected("no_config"), finished(false)]).err.at(-1)).toBe(
    "Upload error: network error: some hosts rejected the download. Overall progress: n1.example.org:/site/current: fetched from n1, n2, rejected by 10.0.0.1:24783: no_config in 1.2s",
  );
});

test("at the deadline it is said who was still waited for", () => {
  const late = { ...finished(false), why: "deadline", waitingFor: ["n3"], known: 3 } as Report;
  expect(linesOf([SCANNED, late]).err.at(-1)).toBe(
    "Upload error: network error: deadline reached. Overall progress: n1.example.org:/site/current: fetched from n1, n2 (out of 3 hosts), 1 servers left: n3 in 1.2s",
  );
});

test("a source that is not there is told apart from an entry that went away meanwhile", () => {
  const failed = { type: "error", source: "./biuld", code: "missing" } as const;
  const { err } = linesOf([
    { ...failed, detail: "root: ENOENT" },
    { ...failed, detail: "open: ENOENT" },
  ]);
  expect(err[0]).toContain('"./biuld": no such directory; name one that is there');
  expect(err[1]).toContain('"./biuld": something in the source is gone');
});

test("JSON has one object a line with the fields of its type, and the result as the last", () => {
  const objects = objectsOf(WHOLE_RUN);
  const types = "scan scan error accepted progress received safe received safe result";
  expect(objects.map(({ type }) => type).join(" ")).toBe(types);
  const subject = { cluster: "n1.example.org", path: "/site/current", image: IMAGE };
  expect(objects[3]).toEqual({ type: "accepted", host: "10.0.0.1:24783", ...subject });
  expect(objects[4]).toMatchObject({
    bytes: 52_428_800,
    bytes_total: 209_715_200,
    waiting_for: ["n1", "n2"],
  });
  expect(objects[5]).toMatchObject({ ...subject, host: "n1", machine_id: "1".repeat(32), forwarded: false });
  expect(objects[6]).toMatchObject({ ...subject, servers: 1 });
  expect(objects.at(-1)).toMatchObject({
    ...subject,
    version: "1.2.3",
    ok: true,
    status: 0,
    partial: false,
    elapsed_ms: 2_000,
    bytes: 52_428_800,
    uploads: [{ ...subject, ok: true, reason: "received", received: ["n1", "n2"], safe: true, servers: 2 }],
  });
});

test("JSON tells refusals with their code, in words, and with the keys", () => {
  const objects = objectsOf([SCANNED, rejected("signature_mismatch"), ABORTED, finished(false)], 3);
  expect(objects[1]).toMatchObject({ type: "rejected", reason: "signature_mismatch", keys: KEYS });
  expect(objects[2]).toMatchObject({
    type: "aborted",
    reason: "disk_full",
    message: expect.stringContaining("the disk"),
  });
  expect(objects.at(-1)).toMatchObject({ ok: false, status: 3, reason: "rejected", partial: false });
});

test("JSON tells errors as objects, and the result repeats the first", () => {
  const stdout = keep();
  const view = createJson({ version: "1.2.3", stdout });
  view.trouble("keys", "id_x: no such file");
  view.result({ status: 2, elapsedMs: 5 });
  const [error, result] = stdout.text.trimEnd().split("\n");
  expect(JSON.parse(error ?? "")).toEqual({ type: "error", reason: "keys", message: "id_x: no such file" });
  expect(JSON.parse(result ?? "")).toMatchObject({ type: "result", status: 2, reason: "keys", ok: false });
});

test("at a signal it is said who has what", () => {
  const stderr = keep();
  const view = createLines({ ...COMMON, stdout: keep(), stderr });
  view.interrupted("SIGINT");
  view.report(ACCEPTED);
  view.interrupted("SIGINT");
  for (const report of received(1, ["n2"])) view.report(report);
  view.interrupted("SIGTERM");
  expect(stderr.text.split("\n")).toEqual([
    "SIGINT: nothing was uploaded",
    `SIGINT: n1.example.org:/site/current: no server has reported all blocks of ${IMAGE}: run the command again`,
    `SIGTERM: n1.example.org:/site/current: n1 holds all blocks of ${IMAGE} and gives them to the others`,
    "",
  ]);
});

/** A terminal of one column of lines: knows what `bar.ts` uses, and fails on anything else. */
function screenAfter(text: string): readonly string[] {
  const lines = [""];
  let row = 0;
  for (const part of text.matchAll(/\p{Cc}\[([0-9]*)([A-Z])|\r|\n|\P{Cc}+/gu)) {
    const [whole, number = "", command] = part;
    if (command === "A") row -= Number(number);
    else if (command === "J") lines.splice(row, lines.length, "");
    else if (command !== undefined) throw new Error(`unknown sequence ${JSON.stringify(whole)}`);
    else if (whole === "\n") {
      row += 1;
      lines[row] = "";
    } else if (whole !== "\r") lines[row] += whole;
    if (row < 0) throw new Error("above the screen");
  }
  return lines;
}

test("at a terminal the picture is drawn in its place, below what was said, and nothing of it stays", () => {
  const terminal = keep();
  const screen = () => ({ columns: 80, rows: 24, color: false });
  const view = createBar({ ...COMMON, stdout: terminal, stderr: terminal, screen });
  const said: Report[] = [SCAN, SCANNED, ACCEPTED, progress(), ...received(1, ["n2"]), rejected("no_config")];
  view.keys(KEYS, []);
  for (const report of said) view.report(report);
  expect(screenAfter(terminal.text).slice(3)).toEqual([
    'warning: "./build": left out what is no file, directory or link: "/socket"',
    "Done abababab. Indexed 2 dirs, 3 files, 1 symlinks (200.0 MiB) in 0.500s.",
    `safe to disconnect: 1 servers hold all blocks of ${IMAGE}`,
    expect.stringMatching(/^n1.example.org:\/site\/current: rejected by/),
    "n1.example.org:/s~ [####------------] 25% 50.0 MiB of 200.0 MiB 10.0 MiB/s 0:15",
    "  has it: n1; fetching: n2; refused: 10.0.0.1:24783",
  ]);
  view.report(finished(false));
  view.result({ status: 3, elapsedMs: 1 });
  const rest = screenAfter(terminal.text).slice(7);
  expect(rest).toEqual([expect.stringMatching(/^Upload error: /), ""]);
});
