/** What the reports of a run have told so far, for each upload to each cluster; and the words of the last line. */
import type { ImageId, VPath } from "../../kernel/ids.ts";
import type { Report, Why } from "../../kernel/report.ts";

export type UploadFacts = {
  readonly cluster: string;
  readonly path: VPath;
  readonly image: ImageId;
  bytes: number;
  bytesTotal: number;
  bytesPerSecond: number;
  remainingMs: number | null;
  /** Addresses, in the order of their answers. */
  readonly accepted: string[];
  /** Address to reason. */
  readonly rejected: Map<string, string>;
  /** Name of a server to the reason of its giving up. */
  readonly aborted: Map<string, string>;
  /** Names of servers that hold all blocks. */
  received: readonly string[];
  waitingFor: readonly string[];
  /** Addresses of servers that say themselves that they hold it; how many servers these are. */
  readonly confirmed: string[];
  servers: number;
  safe: boolean;
  finished: {
    readonly ok: boolean;
    readonly why: Why;
    readonly known: number;
    readonly elapsedMs: number;
  } | null;
};

export type Facts = {
  readonly uploads: Map<string, UploadFacts>;
  /** Sources whose scan was reported, and entry points that could not be reached: told once. */
  readonly told: Set<string>;
  /** Bytes of each image that was scanned: an upload begins before its first progress is told. */
  readonly sizes: Map<ImageId, number>;
};

export function createFacts(): Facts {
  return { uploads: new Map(), told: new Set(), sizes: new Map() };
}

/** True the first time. */
export function tellOnce(facts: Facts, what: string): boolean {
  if (facts.told.has(what)) return false;
  facts.told.add(what);
  return true;
}

/** The facts of the upload that a report is about, with the report counted; null for what is about no upload. */
export function learn(facts: Facts, report: Report): UploadFacts | null {
  if (report.type === "scanned") facts.sizes.set(report.image, report.bytes);
  if (!("cluster" in report && "image" in report)) return null;
  const upload = factsOf(facts, report);
  switch (report.type) {
    case "accepted":
      if (!upload.accepted.includes(report.host)) upload.accepted.push(report.host);
      upload.rejected.delete(report.host);
      break;
    case "rejected":
      upload.rejected.set(report.host, report.reason);
      break;
    case "received":
      upload.received = [...upload.received, report.host];
      upload.waitingFor = report.waitingFor;
      upload.aborted.delete(report.host);
      break;
    case "aborted":
      upload.aborted.set(report.host, report.reason);
      break;
    case "confirmed":
      upload.confirmed.push(report.host);
      upload.servers = report.servers;
      break;
    case "safe":
      upload.safe = true;
      break;
    case "progress":
    case "finished":
      upload.bytes = report.bytes;
      upload.bytesTotal = report.bytesTotal;
      upload.bytesPerSecond = report.bytesPerSecond;
      upload.remainingMs = report.remainingMs;
      upload.received = report.received;
      upload.waitingFor = report.waitingFor;
      if (report.type === "finished") upload.finished = report;
      break;
  }
  return upload;
}

function factsOf(
  facts: Facts,
  { cluster, path, image }: { readonly cluster: string; readonly path: VPath; readonly image: ImageId },
): UploadFacts {
  const name = `${cluster}\n${path}`;
  const known = facts.uploads.get(name);
  if (known?.image === image) return known; // another one is made when a change is redone
  const upload: UploadFacts = {
    cluster,
    path,
    image,
    bytes: 0,
    bytesTotal: facts.sizes.get(image) ?? 0,
    bytesPerSecond: 0,
    remainingMs: null,
    accepted: [],
    rejected: new Map(),
    aborted: new Map(),
    received: [],
    waitingFor: [],
    confirmed: [],
    servers: 0,
    safe: false,
    finished: null,
  };
  facts.uploads.set(name, upload);
  return upload;
}
