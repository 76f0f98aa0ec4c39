/** What looks and changes nothing: `ls`, `cat`, `get`, `status`. Data on stdout, everything else on stderr. */
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { unreachable } from "../../kernel/assert.ts";
import type { ByteString } from "../../kernel/text.ts";
import { textOfByteString } from "../../kernel/text.ts";
import { escapeBytes } from "../../kernel/index/escape.ts";
import type { Entry, PackedIndex } from "../../kernel/index/packed.ts";
import { entryOf } from "../../kernel/index/view.ts";
import type { Reading, ReadingCode } from "../../kernel/reader.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { Surveyed } from "../../kernel/survey.ts";
import { errnoOf } from "../config/text-file.ts";
import { SYSEXIT } from "./exit.ts";
import { createFetchProgress } from "./fetch-progress.ts";
import type { LookCommand } from "./look-line.ts";
import { originObject, originSentence } from "./origin.ts";
import { createOutput } from "./output.ts";
import { read, readingSentence, survey, type Trust, trustOf } from "./read.ts";
import type { Teller } from "./teller.ts";
import { formatBytes, printable, quoted } from "./text.ts";

const STDERR = 2;
const NAME_BYTES_MAX = 216; // of a directory that is to be: beside it there is one with more around the name

export const EXIT_OF_READING: Readonly<Record<ReadingCode, number>> = {
  unreachable: SYSEXIT.unreachable,
  nothing_there: SYSEXIT.noInput,
  no_such_file: SYSEXIT.noInput,
  is_a_directory: SYSEXIT.noInput,
  not_a_directory: SYSEXIT.noInput,
  is_a_link: SYSEXIT.noInput,
  index_invalid: SYSEXIT.data,
  not_signed: SYSEXIT.data,
  unsupported: SYSEXIT.data,
  not_as_listed: SYSEXIT.again,
  gone: SYSEXIT.again,
  deadline: SYSEXIT.again,
  local_disk: SYSEXIT.local,
};

type Good = Extract<Reading, { ok: true }>;

/** The exit status. */
export async function look(command: LookCommand, tell: Teller, stop: AbortSignal): Promise<number> {
  const trust = trustOf(command);
  if (!trust.ok) return tell.fail("keys", trust.detail, SYSEXIT.config);
  switch (command.kind) {
    case "ls":
      return list(command, trust.value, tell);
    case "cat":
      return cat(command, trust.value, tell);
    case "get":
      return get(command, trust.value, tell, stop);
    case "status":
      return status(command, tell);
    default:
      return unreachable(command);
  }
}

/** A failed reading, told; the exit status. */
export function failed(tell: Teller, where: string, reading: Extract<Reading, { ok: false }>): number {
  return tell.fail(reading.code, readingSentence(where, reading), EXIT_OF_READING[reading.code]);
}

async function list(
  command: Extract<LookCommand, { kind: "ls" }>,
  trust: Trust,
  tell: Teller,
): Promise<number> {
  const { path, file } = command;
  const reading = await read(path, { kind: "index" }, command, trust);
  if (!reading.ok) return failed(tell, path, reading);
  const entries = entriesOf(reading.index).filter(
    (entry) => file === null || entry.path === file || entry.path.startsWith(`${file}/`),
  );
  if (entries.length === 0 && file !== null) {
    const code = "no_such_file";
    return failed(tell, `${path} ${quoted(nameOf(file))}`, { ok: false, code, detail: "" });
  }
  tellOrigin(tell, path, reading);
  for (const entry of entries) tell.data(lineOf(entry), { type: "entry", ...objectOf(entry) });
  return SYSEXIT.ok;
}

async function cat(
  command: Extract<LookCommand, { kind: "cat" }>,
  trust: Trust,
  tell: Teller,
): Promise<number> {
  const { path, file } = command;
  const reading = await read(path, { kind: "file", file, mustExist: true }, command, trust);
  if (!reading.ok) return failed(tell, `${path} ${quoted(nameOf(file))}`, reading);
  tellOrigin(tell, path, reading);
  const bytes = reading.file?.bytes ?? new Uint8Array();
  const { executable = false } = reading.file ?? {};
  const base64 = () => Buffer.from(bytes).toString("base64");
  tell.bytes(bytes, () => ({
    type: "file",
    path: nameOf(file),
    executable,
    size: bytes.length,
    base64: base64(),
  }));
  return SYSEXIT.ok;
}

async function get(
  command: Extract<LookCommand, { kind: "get" }>,
  trust: Trust,
  tell: Teller,
  stop: AbortSignal,
): Promise<number> {
  const { path, output } = command;
  const target = resolve(output);
  const wrong = wrongTarget(target);
  if (wrong !== null) return tell.fail("destination", `--output ${quoted(output)} ${wrong}`, SYSEXIT.local);
  const stage = randomBytes(4).toString("hex");
  const root = dirname(target) as RootName;
  const progress = createFetchProgress(command.json, tell, createOutput(STDERR));
  const wanted = { kind: "tree", root, name: basename(target), stage } as const;
  const reading = await read(path, wanted, command, trust, stop, (report) => progress.report(report));
  progress.end();
  if (!reading.ok) return failed(tell, path, reading);
  tellOrigin(tell, path, reading);
  const { totalBytes, entryCount, image } = reading.index;
  tell.data(`${quoted(output)}: ${entryCount} entries, ${formatBytes(totalBytes)}`, {
    type: "fetched",
    output,
    image,
    entries: entryCount,
    bytes: totalBytes,
  });
  return SYSEXIT.ok;
}

/** Null when a directory can be made there. */
function wrongTarget(target: string): string | null {
  if (Buffer.byteLength(basename(target)) > NAME_BYTES_MAX || basename(target) === "")
    return "has no name that a directory can have: choose another";
  if (existsSync(target)) return "is there already: name a directory that is to be";
  try {
    return statSync(dirname(target)).isDirectory() ? null : "is in no directory";
  } catch (error) {
    return `is in no directory that is there (${errnoOf(error)}): make it first`;
  }
}

async function status(command: Extract<LookCommand, { kind: "status" }>, tell: Teller): Promise<number> {
  const servers = await survey(command.path, command);
  if (!servers.some(({ answered }) => answered)) {
    const reading = { ok: false, code: "unreachable", detail: command.entryPoints.join(" ") } as const;
    return failed(tell, command.path ?? "status", reading);
  }
  for (const server of servers) {
    const { address, machine, hostname, answered, holdings } = server;
    const who = { address, hostname, machine_id: machine };
    const name = nameOfServer(server);
    if (!answered) tell.data(`${name}  unreachable`, { type: "server", ...who, state: "unreachable" });
    else if (holdings.length === 0) tell.data(`${name}  absent`, { type: "server", ...who, state: "absent" });
    for (const { path, image, since, state } of holdings)
      tell.data(`${name}  ${printable(path)}  ${image}  ${state}  since ${printable(since)}`, {
        type: "server",
        ...who,
        path,
        image,
        state,
        since,
      });
  }
  return SYSEXIT.ok;
}

export function nameOfServer({ address, hostname }: Pick<Surveyed, "address" | "hostname">): string {
  return hostname === null ? address : `${printable(hostname)} (${address})`;
}

function tellOrigin(tell: Teller, path: string, { index, origin }: Good): void {
  tell.note(originSentence(path, index.image, origin), {
    type: "image",
    path,
    image: index.image,
    ...originObject(origin),
  });
}

function entriesOf(index: PackedIndex): readonly Entry[] {
  return Array.from({ length: index.entryCount }, (_, at) => entryOf(index, at));
}

/** A path as text; one that is none as an index spells it. */
export function nameOf(path: ByteString): string {
  return textOfByteString(path) ?? escapeBytes(path);
}

const SIZE_COLUMNS = 12;

export function lineOf(entry: Entry): string {
  const name = printable(nameOf(entry.path));
  if (entry.kind === "directory") return `d ${"".padStart(SIZE_COLUMNS)} ${name}`;
  if (entry.kind === "link")
    return `l ${"".padStart(SIZE_COLUMNS)} ${name} -> ${printable(nameOf(entry.target))}`;
  return `${entry.executable ? "x" : "f"} ${String(entry.size).padStart(SIZE_COLUMNS)} ${name}`;
}

export function objectOf(entry: Entry): object {
  const path = nameOf(entry.path);
  if (entry.kind === "directory") return { kind: "directory", path };
  if (entry.kind === "link") return { kind: "link", path, target: nameOf(entry.target) };
  return { kind: "file", path, size: entry.size, executable: entry.executable };
}
