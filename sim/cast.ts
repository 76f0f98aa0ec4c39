/** The kernel as the cast of a script: nodes, uploaders and storage programs as production composes them. */
import { type Config, DEFAULT_LIMITS, directoryConfig, type Limits } from "../kernel/config.ts";
import type { Effect } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { ImageId, MachineId, Now, VPath } from "../kernel/ids.ts";
import * as node from "../kernel/node.ts";
import type { Report } from "../kernel/report.ts";
import { statusPage } from "../kernel/status.ts";
import { programOf } from "../kernel/storage/program.ts";
import { utf8Encode } from "../kernel/text.ts";
import * as uploader from "../kernel/uploader.ts";
import type { Process, Start } from "./computer.ts";
import type { Observation } from "./oracle.ts";
import type { Cast, ClientSpec, Lookup, NodeSpec, Seen } from "./spec.ts";
import { MILLISECOND } from "./timeline.ts";

/** Whom it knows, what they said, and what is here: whoever chooses among these has to sort them first. */
const BAGS: ReadonlySet<string> = new Set([
  "listed",
  "hosts",
  "selfAt",
  "selfTold",
  "toldConfigAt",
  "peers",
  "byAddress",
  "configs",
  "inProgress",
  "watching",
  "complete",
  "bases",
  "entries",
  "dirty",
]);

export const kernelCast: Cast = castWith({});

/** The same with other limits of the servers. */
export function castWith(limits: Partial<Limits>): Cast {
  return {
    speaks: true,
    node: (spec, start) => nodeProcess(spec, start, { ...DEFAULT_LIMITS, ...limits }),
    client: clientProcess,
    observe,
  };
}

const COLLECT_MS = 20_000; // who removes images collects their indexes within a run

function configOf(spec: NodeSpec, limits: Limits): Config {
  return {
    machine: spec.machine as MachineId,
    hostname: spec.name,
    port: Number(spec.address.slice(spec.address.lastIndexOf(":") + 1)),
    directories: spec.directories.map(({ key, root }) =>
      directoryConfig({
        key,
        root,
        appendOnly: spec.append,
        numLevels: spec.levels,
        uploadKeys: [],
        autoClean: spec.clean !== null,
        keepListFile: spec.clean?.list === true ? "keep.txt" : null,
        keepMin: spec.clean?.min ?? 2,
        keepMax: spec.clean?.max ?? 100,
        keepRecentMs: spec.clean === null ? 172_800_000 : spec.clean.recent / MILLISECOND,
      }),
    ),
    acceptUnlisted: false,
    limits: spec.clean === null ? limits : { ...limits, indexCollectMs: COLLECT_MS },
  };
}

function nodeProcess(spec: NodeSpec, { seed, now, crypto }: Start, limits: Limits): Process {
  const state = node.createNode(configOf(spec, limits), seed, now);
  const context = { db: spec.db, roots: spec.directories.map(({ root }) => root) };
  const master = spec.signers.map((secret) => crypto.publicKeyOf(secret));
  return {
    machine: { step: (event, at) => node.step(state, event, at), wakeAt: () => node.wakeAt(state) },
    inspect: () => state,
    programOf: (request) => programOf(request, context),
    events: [
      { kind: "keys_changed", keys: { master, named: new Map(), ending: [] } },
      ...keepLists(spec),
      { kind: "peers_resolved", peers: spec.peers },
    ],
    page(path) {
      const page = statusPage(state, path);
      return page === null ? null : utf8Encode(JSON.stringify(page));
    },
    isReconciling: () => [...state.reconcile.asking.values()].some(({ open }) => open === null),
    listens: "when_ready",
    bags: BAGS,
  };
}

function keepLists({ clean, keepList, directories }: NodeSpec): readonly Event[] {
  if (clean?.list !== true) return [];
  return directories.map(({ key }) => ({
    kind: "keep_list",
    key,
    paths: keepList as readonly VPath[] | null,
  }));
}

function clientProcess(spec: ClientSpec, { seed, now, crypto }: Start): Process {
  const { path, mode, to } = spec.upload;
  const config: uploader.UploaderConfig = {
    ...uploader.UPLOADER_DEFAULTS,
    uploads: [{ source: spec.source, path: path as VPath, mode, oldImage: spec.oldImage as ImageId | null }],
    clusters: [{ name: "cluster", entryPoints: to }],
  };
  const state = uploader.createUploader(config, seed, now);
  const clock = (at: Now): Now => (spec.upload.frozen ? { mono: at.mono, wall: now.wall } : at);
  let image: ImageId | null = null;
  /** Says what is signed, as a mark: no effect carries the image and the timestamp at once. */
  const withMark = (effect: Effect): readonly Effect[] => {
    if (effect.kind === "report" && effect.report.type === "scanned") image = effect.report.image;
    if (effect.kind !== "sign" || image === null) return [effect];
    return [effect, { kind: "trace", mark: "signing", fields: { image, timestamp: effect.timestamp } }];
  };
  return {
    machine: {
      step: (event, at) => uploader.step(state, event, clock(at)).flatMap(withMark),
      wakeAt: () => uploader.wakeAt(state),
    },
    inspect: () => state,
    programOf: (request) => programOf(request, { db: spec.db, roots: [] }),
    events: [],
    listens: "at_once",
    sign: (payload) => [crypto.sign(spec.secret, payload)],
  };
}

function observe(host: NodeSpec | ClientSpec, seen: Seen, lookup: Lookup): readonly Observation[] {
  if (seen.kind === "report") return "upload" in host ? observeReport(host, seen.report, lookup) : [];
  const { mark, fields } = seen;
  if ("upload" in host) {
    if (mark !== "signing") return [];
    const [timestamp, image] = [Number(fields["timestamp"]), String(fields["image"])];
    return [{ kind: "signed", upload: host.id, timestamp, image }];
  }
  const kind = MEANING.get(mark);
  if (kind === undefined) return [];
  const [path, image] = [String(fields["path"]), String(fields["image"])];
  const ids = lookup.uploadsOf(path, image, Number(fields["timestamp"]));
  const fresh = mark === "upload_accepted";
  return ids.map((upload) => ({ kind, upload, host: host.name, fresh }));
}

/**
 * A download begins only under a verified signature and a durable promise, also one whose acceptance nobody was told
 * because the power was cut. Whoever says that it is done says so to its peers: a promise like a receipt.
 */
const MEANING: ReadonlyMap<string, "accepted" | "acknowledged"> = new Map([
  ["upload_accepted", "accepted"],
  ["download_started", "accepted"],
  ["download_done", "acknowledged"],
]);

function observeReport(client: ClientSpec, report: Report, lookup: Lookup): readonly Observation[] {
  if (report.type !== "received") return [];
  const host = lookup.hostOfMachine(report.machine);
  return host === null ? [] : [{ kind: "acknowledged", upload: client.id, host, hearsay: true }];
}
