/**
 * A script is a cluster, and what is done to it and when: what a plan draws, a property generates, shrinking edits and
 * a person reads. Its text is one line a thing; `printScript` and `parseScript` undo each other.
 *
 *   seed 42
 *   cluster 3 levels=1 append=no disk=weak         core=n1,n2: only these are healed in the end, and have to agree
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
 *   config n3 append=yes keys=second levels=2      what its own configuration says, from the beginning
 *   cluster 3 levels=1 append=no disk=weak clean=1,100,20s,list        auto-clean: the 1 newest stay, and up to 100 that
 *                                   are not older than 20 s; `list`: and what a keep list names. `config n3 clean=no`
 *   at 9s keep n1 /site/a,/site/b   its keep list names these; `keep * none` names nothing, `keep n1 broken` cannot be read
 *   when n1 committing nth=2 call=sync:3 +5ms crash n1 disk=weak
 *                                   5 ms after the third sync of the second commit that n1 comes to; `when n1 running
 *                                   call=*:30` is after any 30 calls
 *
 * A line without `at` happens at the beginning; one that starts with `//` is a comment. Times are whole microseconds.
 */
import type { FsCall, FsCode } from "../kernel/storage/call.ts";
import { unreachable } from "../kernel/assert.ts";
import type { CrashModel } from "./disk.ts";
import type { Share } from "./network.ts";
import { type CleanRules, printClean } from "./clean.ts";
import { type Phase, PHASES } from "./phases.ts";
import { printTime } from "./print-time.ts";

export type Script = { readonly seed: number; readonly cluster: Cluster; readonly lines: readonly Line[] };

export type Cluster = {
  /** Servers n1 to nN, which list each other as peers. */
  readonly nodes: number;
  readonly levels: number;
  readonly append: boolean;
  readonly disk: CrashModel;
  /** Servers that are healed in the end and have to agree; what is broken of the others stays so. Without it, all. */
  readonly core?: readonly string[];
  /** Without it, nothing is ever removed. */
  readonly clean?: CleanRules;
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
  readonly key: SigningKey;
  /** It may take the place of what this client has uploaded, and of nothing else. */
  readonly old: string | null;
  readonly to: readonly string[];
};

/** `known` and `second` may write wherever no `config` says otherwise, `stranger` nowhere. */
export const SIGNING_KEYS = ["known", "second", "stranger"] as const;
export type SigningKey = (typeof SIGNING_KEYS)[number];

export type LinkFields = {
  readonly loss?: Share;
  /** How long everything is lost after the first loss. */
  readonly burst?: number;
  readonly dup?: Share;
  readonly flip?: Share;
  readonly corrupt?: Share;
  /** Datagrams of more bytes vanish. */
  readonly mtu?: number;
  readonly late?: number;
  /** What takes up to `long` more than its delay. */
  readonly tail?: Share;
  readonly long?: number;
  readonly delay?: { readonly min: number; readonly max: number };
};

export type Verb =
  | UploadVerb
  | ({ readonly kind: "link"; readonly from: string; readonly to: string } & LinkFields)
  /** Kilobits a second, each 0 for no bound. */
  | { readonly kind: "rate"; readonly host: string; readonly up: number; readonly down: number }
  | { readonly kind: "cut" | "heal"; readonly from: string; readonly to: string; readonly oneWay: boolean }
  /** Cut and healed in turns, both ways, each `every` long, and healed in the end. */
  | {
      readonly kind: "flap";
      readonly from: string;
      readonly to: string;
      readonly every: number;
      readonly lasting: number;
    }
  /** Nothing travels between the two groups; who is in neither reaches both. */
  | { readonly kind: "split"; readonly from: readonly string[]; readonly to: readonly string[] }
  /** `host` may be `*`, every server. `disk`: `weak`, `ordered` and `kept` as in `host.ts`; `empty`, `old`, or the server whose disk is copied. */
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
  /** Its keep list, or that of all servers (`*`); null when it cannot be read. */
  | { readonly kind: "keep"; readonly host: string; readonly paths: readonly string[] | null }
  /** `restart`: it is told to end, and started again by whoever looks after it. */
  | { readonly kind: "pause" | "resume" | "restart"; readonly host: string }
  /** `machine`: with the machine id that this name would have; null for the one it had. */
  | { readonly kind: "start"; readonly host: string; readonly machine: string | null }
  | {
      readonly kind: "join";
      readonly host: string;
      readonly peers: readonly string[];
      /** The server whose machine id it has too; null for one of its own. */
      readonly machine: string | null;
    }
  /** The wall clock is set by `step`, and both clocks run `drift` parts per million fast. */
  | { readonly kind: "clock"; readonly host: string; readonly step: number; readonly drift: number }
  /** The next `count` calls of this name, or any, fail. */
  | {
      readonly kind: "fail";
      readonly host: string;
      readonly call: FsCall["call"] | "*";
      readonly code: FsCode;
      readonly count: number;
    }
  | { readonly kind: "slow"; readonly host: string; readonly factor: number }
  /** The next call of this name, or any, takes so long. */
  | {
      readonly kind: "hang";
      readonly host: string;
      readonly call: FsCall["call"] | "*";
      readonly lasting: number;
    }
  | ConfigVerb
  | WhenVerb;

/** What the configuration of one server says otherwise than those of the others; null for the same. */
export type ConfigVerb = {
  readonly kind: "config";
  readonly host: string;
  readonly append: boolean | null;
  readonly levels: number | null;
  /** The keys that may write there. */
  readonly keys: readonly SigningKey[] | null;
  readonly clean: CleanRules | "no" | null;
};

/** What is done when a server comes to a phase. */
export type WhenVerb = {
  readonly kind: "when";
  readonly host: string;
  readonly phase: WhenPhase;
  /** Of its entries from now on, which. */
  readonly nth: number;
  /** Which of the calls of the disk there, counted from the entry on; null for the entry itself. */
  readonly call: { readonly name: FsCall["call"] | "*"; readonly nth: number } | null;
  readonly delay: number;
  readonly deed: Deed;
};
/** What is done at once. */
export type Deed = Exclude<Verb, WhenVerb | ConfigVerb>;

export const WHEN_PHASES = [...PHASES, "running"] as const;
export type WhenPhase = Phase | "running";

/** What a line does in the end, whenever that is. */
export function deedOf(verb: Verb): Exclude<Verb, WhenVerb> {
  return verb.kind === "when" ? verb.deed : verb;
}

export const DEFAULT_CLUSTER: Cluster = { nodes: 3, levels: 1, append: false, disk: "weak" };
export const DEFAULT_BYTES = 20_000;

export const NODES_MAX = 10_000;

/** Where a file is damaged: among the images and stages, or among the indexes. */
export const PLACES = ["images", "indexes"] as const;
export type Place = (typeof PLACES)[number];

/** What a server that lies does, each in `adversary.ts`. */
export const LIES = ["blocks", "index", "gossip", "replay", "slow", "silent", "equivocate"] as const;
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
  "unsupported",
] as const satisfies readonly FsCode[];

export function printScript({ seed, cluster, lines }: Script): string {
  const { nodes, levels, append, disk, core, clean } = cluster;
  const head = [
    `seed ${seed}`,
    `cluster ${nodes} levels=${levels} append=${append ? "yes" : "no"} disk=${disk}${core === undefined ? "" : ` core=${core.join(",")}`}${clean === undefined ? "" : ` clean=${printClean(clean)}`}`,
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
        ...(verb.key === "known" ? [] : [`key=${verb.key}`]),
        ...(verb.old === null ? [] : [`old=${verb.old}`]),
      ];
      return `upload ${client} ${path} #${content} ${options.join(" ")} to ${to.join(" ")}`;
    }
    case "link": {
      const { from, to, loss, burst, dup, flip, corrupt, mtu, late, tail, long, delay } = verb;
      const fields = [
        ...(loss === undefined ? [] : [`loss=${printShare(loss)}`]),
        ...(burst === undefined ? [] : [`burst=${printTime(burst)}`]),
        ...(dup === undefined ? [] : [`dup=${printShare(dup)}`]),
        ...(flip === undefined ? [] : [`flip=${printShare(flip)}`]),
        ...(corrupt === undefined ? [] : [`corrupt=${printShare(corrupt)}`]),
        ...(mtu === undefined ? [] : [`mtu=${mtu}`]),
        ...(late === undefined ? [] : [`late=${printTime(late)}`]),
        ...(tail === undefined ? [] : [`tail=${printShare(tail)}`]),
        ...(long === undefined ? [] : [`long=${printTime(long)}`]),
        ...(delay === undefined ? [] : [`delay=${printTime(delay.min)}..${printTime(delay.max)}`]),
      ];
      return [`link ${from}>${to}`, ...fields].join(" ");
    }
    case "rate":
      return `rate ${verb.host} up=${verb.up} down=${verb.down}`;
    case "cut":
    case "heal": {
      if (verb.kind === "heal" && verb.from === "*" && verb.to === "*" && !verb.oneWay) return "heal";
      return verb.oneWay ? `${verb.kind} ${verb.from}>${verb.to}` : `${verb.kind} ${verb.from} ${verb.to}`;
    }
    case "flap":
      return `flap ${verb.from} ${verb.to} every=${printTime(verb.every)} for=${printTime(verb.lasting)}`;
    case "split":
      return `split ${verb.from.join(",")} ${verb.to.join(",")}`;
    case "crash":
      return `crash ${verb.host} disk=${verb.disk}`;
    case "start":
      return verb.machine === null ? `start ${verb.host}` : `start ${verb.host} machine=${verb.machine}`;
    case "pause":
    case "resume":
    case "restart":
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
    case "keep":
      return `keep ${verb.host} ${verb.paths === null ? "broken" : verb.paths.join(",") || "none"}`;
    case "betray":
      return `betray ${verb.host} how=${verb.how.join(",")}`;
    case "clock":
      return `clock ${verb.host} step=${printSigned(verb.step)} drift=${verb.drift}`;
    case "fail":
      return `fail ${verb.host} ${verb.call} ${verb.code} count=${verb.count}`;
    case "slow":
      return `slow ${verb.host} factor=${verb.factor}`;
    case "hang":
      return `hang ${verb.host} ${verb.call} for=${printTime(verb.lasting)}`;
    case "config": {
      const { host, append, levels, keys, clean } = verb;
      const fields = [
        ...(append === null ? [] : [`append=${append ? "yes" : "no"}`]),
        ...(levels === null ? [] : [`levels=${levels}`]),
        ...(keys === null ? [] : [`keys=${keys.join(",")}`]),
        ...(clean === null ? [] : [`clean=${clean === "no" ? clean : printClean(clean)}`]),
      ];
      return [`config ${host}`, ...fields].join(" ");
    }
    case "when": {
      const { host, phase, nth, call, delay, deed } = verb;
      const fields = [
        ...(nth === 1 ? [] : [`nth=${nth}`]),
        ...(call === null ? [] : [`call=${call.name}:${call.nth}`]),
        ...(delay === 0 ? [] : [printSigned(delay)]),
      ];
      return [`when ${host} ${phase}`, ...fields, printVerb(deed)].join(" ");
    }
    default:
      return unreachable(verb);
  }
}

/** In whole milliseconds, as a story has it. */
export function printAt(micros: number): string {
  return printTime(Math.round(micros / 1000) * 1000);
}

function printSigned(micros: number): string {
  return `${micros < 0 ? "-" : "+"}${printTime(Math.abs(micros))}`;
}

function printShare({ hits, outOf }: Share): string {
  return `${hits}/${outOf}`;
}
