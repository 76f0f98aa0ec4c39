/** `ciruela sync --dry-run`: what would be uploaded, how much of it is new, and who has what there now. */
import { differencesBetween } from "../../kernel/index/difference.ts";
import { KIND_DIRECTORY, KIND_LINK, type PackedIndex } from "../../kernel/index/packed.ts";
import { hashOfBlock, kindOf, placeOfBlock } from "../../kernel/index/view.ts";
import type { ClusterJob, UploadJob } from "../../kernel/uploader.ts";
import type { SyncCommand } from "./command-line.ts";
import { EXIT } from "./exit.ts";
import { indexOfDirectory } from "./local-index.ts";
import { nameOfServer } from "./look.ts";
import { NO_TRUST, read, survey } from "./read.ts";
import { nameOf } from "./sentences.ts";
import type { Teller } from "./teller.ts";
import { formatBytes, quoted } from "./text.ts";
import type { View } from "./view.ts";

const READ_MS = 30_000;

/** The exit status: as of an upload, but nothing is announced. */
export async function dryRun(command: SyncCommand, tell: Teller, view: View): Promise<number> {
  let status: number = EXIT.ok;
  const indexes = new Map<string, PackedIndex>();
  for (const job of command.uploads) {
    const known = indexes.get(job.source);
    const index = known === undefined ? await indexOfDirectory(job.source) : null;
    if (index?.ok === false) {
      view.trouble("source", index.detail);
      return EXIT.destination;
    }
    const own = known ?? index?.value;
    if (own === undefined) continue;
    indexes.set(job.source, own);
    for (const cluster of command.clusters) {
      if (await tellUpload(command, job, cluster, own, tell)) continue;
      const about = nameOf({ cluster: cluster.name, path: job.path });
      view.trouble("unreachable", `${about}: no server answers: check the hosts and the port`);
      status = EXIT.upload;
    }
  }
  return status;
}

/** False when no server answers. */
async function tellUpload(
  { port, deadlineMs }: SyncCommand,
  job: UploadJob,
  { name, entryPoints }: ClusterJob,
  index: PackedIndex,
  tell: Teller,
): Promise<boolean> {
  const { path, source, mode } = job;
  const from = { port, entryPoints, deadlineMs: Math.min(READ_MS, deadlineMs) };
  const servers = await survey(path, from);
  const there = await read(path, { kind: "index" }, from, NO_TRUST);
  const old = there.ok ? there.index : null;
  const counts = countsOf(index);
  const fresh = freshBytes(index, old);
  const changed = old === null ? null : differencesBetween(old, index).length;
  const about = nameOf({ cluster: name, path });
  const files = `${counts.files} files, ${formatBytes(index.totalBytes)}, ${formatBytes(fresh)} of it new`;
  tell.data(`${about}: would ${mode.replace("_", "-")} ${quoted(source)}: ${files}`, {
    type: "dry_run",
    cluster: name,
    path,
    source,
    mode,
    image: index.image,
    ...counts,
    bytes: index.totalBytes,
    new_bytes: fresh,
    present: old?.image ?? null,
    entries_changed: changed,
    hosts: servers.map(({ address, hostname, answered, holdings }) => ({
      address,
      hostname,
      answered,
      image: holdings[0]?.image ?? null,
      state: holdings[0]?.state ?? null,
    })),
  });
  for (const server of servers) {
    const [holding] = server.holdings;
    const has = !server.answered
      ? "unreachable"
      : holding === undefined
        ? "nothing there"
        : `has ${holding.image}`;
    tell.data(`  ${nameOfServer(server)}  ${holding?.image === index.image ? "has it" : has}`, null);
  }
  return servers.some(({ answered }) => answered);
}

function countsOf(index: PackedIndex): { files: number; directories: number; links: number } {
  const counts = { files: 0, directories: 0, links: 0 };
  for (let at = 0; at < index.entryCount; at++) {
    const kind = kindOf(index, at);
    if (kind === KIND_DIRECTORY) counts.directories += 1;
    else if (kind === KIND_LINK) counts.links += 1;
    else counts.files += 1;
  }
  return counts;
}

/** Bytes of blocks that what is there has not, each once. */
function freshBytes(index: PackedIndex, old: PackedIndex | null): number {
  const known = new Set<string>();
  for (let block = 0; block < (old?.blockCount ?? 0); block++)
    if (old !== null) known.add(hashOfBlock(old, block));
  let bytes = 0;
  for (let block = 0; block < index.blockCount; block++) {
    const hash = hashOfBlock(index, block);
    if (known.has(hash)) continue;
    known.add(hash);
    bytes += placeOfBlock(index, block).length;
  }
  return bytes;
}
