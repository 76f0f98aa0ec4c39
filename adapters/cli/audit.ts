/** `ciruela audit`: what every server has at a path against what it should have, and what differs. */
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { type Expectation, expectationOf, type Finding, findingOf } from "../../kernel/audit.ts";
import type { ImageId } from "../../kernel/ids.ts";
import { entryOf } from "../../kernel/index/view.ts";
import type { Reading } from "../../kernel/reader.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { Surveyed } from "../../kernel/survey.ts";
import { errnoOf } from "../config/text-file.ts";
import type { AuditCommand } from "./audit-line.ts";
import { SYSEXIT } from "./exit.ts";
import { indexInFile, indexOfDirectory } from "./local-index.ts";
import { lineOf, nameOf, nameOfServer, objectOf } from "./look.ts";
import { originObject, originSentence } from "./origin.ts";
import { read, readingSentence, survey, type Trust, trustOf } from "./read.ts";
import type { Teller } from "./teller.ts";
import { printable, quoted } from "./text.ts";

const AT_ONCE = 8; // servers; each may send an index of some megabytes
const SERVER_MS = 10_000; // that a server lists another image than it sends for longer is a finding
const LINES_MAX = 1_000; // entries of one image that differ, for people; programs get all

type Audited = { readonly server: Surveyed; readonly reading: Reading };
type Expected = Expectation & { readonly name: string };

/** The exit status. */
export async function audit(command: AuditCommand, tell: Teller): Promise<number> {
  const trust = trustOf(command);
  if (!trust.ok) return tell.fail("keys", trust.detail, SYSEXIT.config);
  const named = await expectationsOf(command, trust.value);
  if (!named.ok) return tell.fail(named.code, named.detail, STATUS_OF[named.code]);
  const audited = await readAll(command, trust.value);
  const readings = audited.map(({ reading }) => reading);
  if (readings.every((reading) => !reading.ok && SILENT.includes(reading.code))) {
    const message = readingSentence(command.path, {
      ok: false,
      code: "unreachable",
      detail: detailOf(readings),
    });
    return tell.fail("unreachable", message, SYSEXIT.unreachable);
  }
  const among = expectationOf(readings);
  const expected = named.value.map((each) => complete(each, readings));
  if (expected.length === 0 && among !== null) expected.push({ ...among, name: "the newest signature" });
  let different = expected.length === 0;
  for (const each of expected) if (compare(each, audited, tell)) different = true;
  if (expected.length === 0)
    for (const each of audited) tellFinding(each, null, findingOf(NOTHING, each.reading), tell);
  const [first] = expected;
  if (command.list && first?.index !== undefined && first.index !== null)
    for (let at = 0; at < first.index.entryCount; at++) {
      const entry = entryOf(first.index, at);
      tell.data(lineOf(entry), { type: "entry", ...objectOf(entry) });
    }
  if (different) return SYSEXIT.different;
  return remember(command, readings, tell);
}

const SILENT = ["unreachable", "deadline"];
const STATUS_OF = { source: SYSEXIT.noInput, other_cluster: SYSEXIT.unreachable } as const;
/** No server has sent a sound index, and none is named: there is nothing to compare with. */
const NOTHING: Expectation = { image: "0".repeat(64) as ImageId, index: null };

function detailOf(readings: readonly Reading[]): string {
  const [first] = readings.flatMap((each) => (each.ok ? [] : [each.detail]));
  return first ?? "no address";
}

/** What is named, in the order of the help. */
async function expectationsOf(
  command: AuditCommand,
  trust: Trust,
): Promise<Result<Expected[], keyof typeof STATUS_OF>> {
  const { expect, local, index, remember: file, against, path } = command;
  const out: Expected[] = [];
  if (expect !== null) out.push({ name: "--expect", image: expect, index: null });
  const files = [index, file !== null && existsSync(file) ? file : null];
  const found = [
    ...(local === null ? [] : [[`--local ${quoted(local)}`, await indexOfDirectory(local)] as const]),
    ...(await Promise.all(
      files
        .flatMap((each) => (each === null ? [] : [each]))
        .map(async (each) => [quoted(each), await indexInFile(each)] as const),
    )),
  ];
  for (const [name, own] of found) {
    if (!own.ok) return own;
    out.push({ name, image: own.value.image, index: own.value });
  }
  if (against.length > 0) {
    const other = await read(path, { kind: "index" }, { ...command, entryPoints: against }, trust);
    if (!other.ok)
      return refused("other_cluster", readingSentence(`--against ${against.join(" ")}: ${path}`, other));
    out.push({ name: `--against ${against.join(" ")}`, image: other.index.image, index: other.index });
  }
  return accepted(out);
}

/** Of an image whose id alone is known, the entries that a server has sent for it. */
function complete(expected: Expected, readings: readonly Reading[]): Expected {
  if (expected.index !== null) return expected;
  const holder = readings.find((each) => each.ok && each.index.image === expected.image);
  return holder?.ok === true ? { ...expected, index: holder.index } : expected;
}

async function readAll(command: AuditCommand, trust: Trust): Promise<readonly Audited[]> {
  const waiting = [...(await survey(command.path, command))];
  const out: Audited[] = [];
  const deadlineMs = Math.min(SERVER_MS, command.deadlineMs);
  const work = async (): Promise<void> => {
    for (let server = waiting.shift(); server !== undefined; server = waiting.shift()) {
      const from = { port: command.port, entryPoints: [server.address], deadlineMs };
      out.push({ server, reading: await read(command.path, { kind: "index" }, from, trust) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return out.toSorted((a, b) => (a.server.address < b.server.address ? -1 : 1));
}

/** Whether anything differs. The entries of one image are told once, for the first server that has sent it. */
function compare(expected: Expected, audited: readonly Audited[], tell: Teller): boolean {
  tell.note(`expected by ${expected.name}: ${expected.image}`, {
    type: "expected",
    by: expected.name,
    image: expected.image,
  });
  let different = false;
  for (const each of audited) {
    const finding = findingOf(expected, each.reading);
    if (finding !== null && finding.kind !== "silent") different = true;
    tellFinding(each, expected, finding, tell);
  }
  return different;
}

function tellFinding(
  { server, reading }: Audited,
  expected: Expected | null,
  finding: Finding | null,
  tell: Teller,
): void {
  const name = nameOfServer(server);
  const { address, hostname, machine: machine_id } = server;
  const state = finding?.kind ?? "ok";
  const detail = finding !== null && "detail" in finding ? finding.detail : "";
  const image = reading.ok ? reading.index.image : null;
  const said = reading.ok ? `  ${originSentence("sent", reading.index.image, reading.origin)}` : "";
  tell.data(`${name}  ${state}${said}${detail === "" ? "" : `  (${printable(detail)})`}`, {
    type: "server",
    address,
    hostname,
    machine_id,
    state,
    image,
    expected: expected?.image ?? null,
    ...(detail === "" ? {} : { detail }),
    ...(reading.ok ? originObject(reading.origin) : {}),
  });
  const differences = finding !== null && "differences" in finding ? finding.differences : [];
  for (const [at, { kind, path }] of differences.entries()) {
    const line = at < LINES_MAX ? `  ${kind}  ${printable(nameOf(path))}` : null;
    tell.data(line, { type: "difference", address, kind, path: nameOf(path) });
  }
  if (differences.length > LINES_MAX)
    tell.note(`  and ${differences.length - LINES_MAX} more: see --json`, null);
}

/** The index is written when nothing differs; one that is there has been compared with. */
function remember({ remember: file }: AuditCommand, readings: readonly Reading[], tell: Teller): number {
  const sound = readings.find((each) => each.ok);
  if (file === null || existsSync(file) || sound?.ok !== true) return SYSEXIT.ok;
  try {
    const aside = `${file}.${process.pid}.tmp`;
    writeFileSync(aside, sound.text, { flag: "wx" });
    renameSync(aside, file);
  } catch (error) {
    return tell.fail("local_disk", `${quoted(file)} cannot be written (${errnoOf(error)})`, SYSEXIT.local);
  }
  tell.note(`${quoted(file)}: remembered ${sound.index.image}`, {
    type: "remembered",
    file,
    image: sound.index.image,
  });
  return SYSEXIT.ok;
}
