/**
 * A script is a cluster, and what is done to it and when: what a plan draws, a property generates, shrinking edits and
 * a person reads. Its text is one line a thing; `printScript` and `parseScript` undo each other.
 *
 *   seed 42
 *   cluster 3 levels=1 append=no disk=weak
 *   link *>* loss=10/100 delay=5ms..40ms dup=1/100 late=1s flip=1/1000
 *   at 1500ms upload c1 /site/current #7 files=5 to n1 n2
 *   at 2s cut n1 n2                 both ways; `cut n1>n2` one way; `*` is every host
 *   at 3s heal                      all; `heal n1 n2` both ways; `heal n1>n2` one way
 *   at 4s crash n2 disk=weak        a power cut; disk=kept is a killed process
 *   at 6s start n2
 *   at 7s join n4 peers=n1,n2       machine=n1: with the machine id of another
 *   at 8s save n2                   its disk is copied; `crash n2 disk=old` puts the copy in, `disk=empty` a new disk,
 *                                   `disk=n1` a copy of another server's
 *   at 9s betray n3 how=blocks      from now on it sends wrong blocks
 *
 * A line without `at` happens at the beginning; one that starts with `//` is a comment. Times are whole microseconds.
 */
import type { FsCall, FsCode } from "../kernel/storage/call.ts";
import { unreachable } from "../kernel/assert.ts";
import type { CrashModel } from "./disk.ts";
import type { Share } from "./network.ts";

export type Script = { readonly seed: number; readonly cluster: Cluster; readonly lines: readonly Line[] };

export type Cluster = {
  /** Servers n1 to nN, which list each other as peers. */
  readonly nodes: number;
  readonly levels: number;
  readonly append: boolean;
  readonly disk: CrashModel;
};

export type Line = { readonly at: number; readonly verb: Verb };

export type UploadVerb = {
  readonly kind: "upload";
  readonly client: string;
  readonly path: string;
  /** Names the content: `content.ts`. */
  readonly content: number;
  readonly files: number;
  readonly bytes: number;
  readonly mode: "append" | "replace";
  /** How far the client's clock is ahead. */
  readonly skew: number;
  /** Its wall clock stands still: whoever begins at the same moment signs the same timestamp. */
  readonly frozen: boolean;
  /** Signed by a key that may not write. */
  readonly stranger: boolean;
  readonly to: readonly string[];
};

export type LinkFields = {
  readonly loss?: Share;
  readonly dup?: Share;
  readonly flip?: Share;
  readonly corrupt?: Share;
  /** Datagrams of more bytes vanish. */
  readonly mtu?: number;
  readonly late?: number;
  readonly delay?: { readonly min: number; readonly max: number };
};

export type Verb =
  | UploadVerb
  | ({ readonly kind: "link"; readonly from: string; readonly to: string } & LinkFields)
  /** Kilobits a second, each 0 for no bound. */
  | { readonly kind: "rate"; readonly host: string; readonly up: number; readonly down: number }
  | { readonly kind: "cut" | "heal"; readonly from: string; readonly to: string; readonly oneWay: boolean }
  /** `disk`: `weak`, `ordered` and `kept` as in `host.ts`; `empty`, `old`, or the server whose disk is copied. */
  | { readonly kind: "crash"; readonly host: string; readonly disk: string }
  /** Its disk is copied as it is. */
  | { readonly kind: "save"; readonly host: string }
  /** It goes, and is in no peer file any more; `join` brings it back with what it had. */
  | { readonly kind: "leave"; readonly host: string }
  /** Its peer file names these from now on. */
  | { readonly kind: "peers"; readonly host: string; readonly peers: readonly string[] }
  /** Connections end: broken at both sides, or at `from` alone while `to` is told nothing. */
  | { readonly kind: "reset" | "halve"; readonly from: string; readonly to: string }
  /** Reads no connection for so long. */
  | { readonly kind: "stall"; readonly host: string; readonly lasting: number }
  /** One bit of a file changes: `rot` on the disk, `edit` by another process. */
  | { readonly kind: "rot" | "edit"; readonly host: string; readonly place: Place; readonly nth: number }
  /** Another process deletes what is at a path. */
  | { readonly kind: "remove"; readonly host: string; readonly path: string }
  /** From now on it lies. */
  | { readonly kind: "betray"; readonly host: string; readonly how: readonly Lie[] }
  | { readonly kind: "start" | "pause" | "resume"; readonly host: string }
  | {
      readonly kind: "join";
      readonly host: string;
      readonly peers: readonly string[];
      /** The server whose machine id it has too; null for one of its own. */
      readonly machine: string | null;
    }
  /** The wall clock is set by `step`, and both clocks run `drift` parts per million fast. */
  | { readonly kind: "clock"; readonly host: string; readonly step: number; readonly drift: number }
  /** The next `count` calls of this name fail. */
  | {
      readonly kind: "fail";
      readonly host: string;
      readonly call: FsCall["call"];
      readonly code: FsCode;
      readonly count: number;
    }
  | { readonly kind: "slow"; readonly host: string; readonly factor: number };

export const DEFAULT_CLUSTER: Cluster = { nodes: 3, levels: 1, append: false, disk: "weak" };
export const DEFAULT_BYTES = 20_000;

export const NODES_MAX = 10_000;

/** Where a file is damaged: among the images and stages, or among the indexes. */
export const PLACES = ["images", "indexes"] as const;
export type Place = (typeof PLACES)[number];

/** What a server that lies does, each in `adversary.ts`. */
export const LIES = ["blocks", "index", "gossip", "replay", "slow", "silent"] as const;
export type Lie = (typeof LIES)[number];

/** Calls that a script may let fail, and with what. */
export const FAILING_CALLS = [
  "create_file",
  "open_file",
  "open_directory",
  "write",
  "read",
  "sync",
  "sync_file_system",
  "make_directory",
  "link",
  "rename",
  "unlink",
  "list",
  "open_for_write",
  "truncate",
  "set_mode",
  "set_times",
  "stat",
  "stat_name",
  "make_link",
  "read_link",
  "remove_directory",
  "digest_blocks",
] as const satisfies readonly FsCall["call"][];
export const FAILING_CODES = [
  "no_space",
  "io",
  "not_permitted",
  "read_only",
  "too_many_open",
  "too_many_links",
  "other_device",
] as const satisfies readonly FsCode[];

export function printScript({ seed, cluster, lines }: Script): string {
  const { nodes, levels, append, disk } = cluster;
  const head = [
    `seed ${seed}`,
    `cluster ${nodes} levels=${levels} append=${append ? "yes" : "no"} disk=${disk}`,
  ];
  return `${[...head, ...lines.map(printLine)].join("\n")}\n`;
}

export function printLine({ at, verb }: Line): string {
  return at === 0 ? printVerb(verb) : `at ${printTime(at)} ${printVerb(verb)}`;
}

export function printVerb(verb: Verb): string {
  switch (verb.kind) {
    case "upload": {
      const { client, path, content, files, bytes, mode, skew, to } = verb;
      const options = [
        `files=${files}`,
        ...(bytes === DEFAULT_BYTES ? [] : [`bytes=${bytes}`]),
        ...(mode === "replace" ? [] : ["mode=append"]),
        ...(skew === 0 ? [] : [`skew=${printSigned(skew)}`]),
        ...(verb.frozen ? ["clock=frozen"] : []),
        ...(verb.stranger ? ["key=stranger"] : []),
      ];
      return `upload ${client} ${path} #${content} ${options.join(" ")} to ${to.join(" ")}`;
    }
    case "link": {
      const { from, to, loss, dup, flip, corrupt, mtu, late, delay } = verb;
      const fields = [
        ...(loss === undefined ? [] : [`loss=${printShare(loss)}`]),
        ...(dup === undefined ? [] : [`dup=${printShare(dup)}`]),
        ...(flip === undefined ? [] : [`flip=${printShare(flip)}`]),
        ...(corrupt === undefined ? [] : [`corrupt=${printShare(corrupt)}`]),
        ...(mtu === undefined ? [] : [`mtu=${mtu}`]),
        ...(late === undefined ? [] : [`late=${printTime(late)}`]),
        ...(delay === undefined ? [] : [`delay=${printTime(delay.min)}..${printTime(delay.max)}`]),
      ];
      return [`link ${from}>${to}`, ...fields].join(" ");
    }
    case "rate":
      return `rate ${verb.host} up=${verb.up} down=${verb.down}`;
    case "cut":
    case "heal": {
      if (verb.kind === "heal" && verb.from === "*" && verb.to === "*") return "heal";
      return verb.oneWay ? `${verb.kind} ${verb.from}>${verb.to}` : `${verb.kind} ${verb.from} ${verb.to}`;
    }
    case "crash":
      return `crash ${verb.host} disk=${verb.disk}`;
    case "start":
    case "pause":
    case "resume":
    case "save":
    case "leave":
      return `${verb.kind} ${verb.host}`;
    case "join": {
      const machine = verb.machine === null ? "" : ` machine=${verb.machine}`;
      return `join ${verb.host} peers=${verb.peers.join(",")}${machine}`;
    }
    case "peers":
      return `peers ${verb.host} peers=${verb.peers.join(",")}`;
    case "reset":
    case "halve":
      return `${verb.kind} ${verb.from} ${verb.to}`;
    case "stall":
      return `stall ${verb.host} for=${printTime(verb.lasting)}`;
    case "rot":
    case "edit":
      return `${verb.kind} ${verb.host} ${verb.place} nth=${verb.nth}`;
    case "remove":
      return `remove ${verb.host} ${verb.path}`;
    case "betray":
      return `betray ${verb.host} how=${verb.how.join(",")}`;
    case "clock":
      return `clock ${verb.host} step=${printSigned(verb.step)} drift=${verb.drift}`;
    case "fail":
      return `fail ${verb.host} ${verb.call} ${verb.code} count=${verb.count}`;
    case "slow":
      return `slow ${verb.host} factor=${verb.factor}`;
    default:
      return unreachable(verb);
  }
}

export function printTime(micros: number): string {
  if (micros % 1_000_000 === 0) return `${micros / 1_000_000}s`;
  return micros % 1_000 === 0 ? `${micros / 1_000}ms` : `${micros}us`;
}

function printSigned(micros: number): string {
  return `${micros < 0 ? "-" : "+"}${printTime(Math.abs(micros))}`;
}

function printShare({ hits, outOf }: Share): string {
  return `${hits}/${outOf}`;
}
