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
 *   at 7s join n4 peers=n1,n2
 *
 * A line without `at` happens at the beginning; one that starts with `//` is a comment. Times are whole microseconds.
 */
import type { FsCall, FsCode } from "../kernel/storage/call.ts";
import { unreachable } from "../kernel/assert.ts";
import type { CrashModel } from "./disk.ts";
import type { Crash } from "./host.ts";
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
  readonly to: readonly string[];
};

export type LinkFields = {
  readonly loss?: Share;
  readonly dup?: Share;
  readonly flip?: Share;
  readonly late?: number;
  readonly delay?: { readonly min: number; readonly max: number };
};

export type Verb =
  | UploadVerb
  | ({ readonly kind: "link"; readonly from: string; readonly to: string } & LinkFields)
  /** Kilobits a second, each 0 for no bound. */
  | { readonly kind: "rate"; readonly host: string; readonly up: number; readonly down: number }
  | { readonly kind: "cut" | "heal"; readonly from: string; readonly to: string; readonly oneWay: boolean }
  | { readonly kind: "crash"; readonly host: string; readonly disk: Crash }
  | { readonly kind: "start" | "pause" | "resume"; readonly host: string }
  | { readonly kind: "join"; readonly host: string; readonly peers: readonly string[] }
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

export type ParsedScript =
  | { readonly ok: true; readonly script: Script }
  | { readonly ok: false; readonly line: number; readonly what: string };

export const DEFAULT_CLUSTER: Cluster = { nodes: 3, levels: 1, append: false, disk: "weak" };
const DEFAULT_BYTES = 20_000;

export const NODES_MAX = 10_000;

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

function printVerb(verb: Verb): string {
  switch (verb.kind) {
    case "upload": {
      const { client, path, content, files, bytes, mode, skew, to } = verb;
      const options = [
        `files=${files}`,
        ...(bytes === DEFAULT_BYTES ? [] : [`bytes=${bytes}`]),
        ...(mode === "replace" ? [] : ["mode=append"]),
        ...(skew === 0 ? [] : [`skew=${printSigned(skew)}`]),
      ];
      return `upload ${client} ${path} #${content} ${options.join(" ")} to ${to.join(" ")}`;
    }
    case "link": {
      const { from, to, loss, dup, flip, late, delay } = verb;
      const fields = [
        ...(loss === undefined ? [] : [`loss=${printShare(loss)}`]),
        ...(dup === undefined ? [] : [`dup=${printShare(dup)}`]),
        ...(flip === undefined ? [] : [`flip=${printShare(flip)}`]),
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
      return `${verb.kind} ${verb.host}`;
    case "join":
      return `join ${verb.host} peers=${verb.peers.join(",")}`;
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

class Trouble extends Error {}

export function parseScript(text: string): ParsedScript {
  let seed = 0;
  let cluster = DEFAULT_CLUSTER;
  const lines: Line[] = [];
  for (const [at, each] of text.split("\n").entries()) {
    const words = new Words(each);
    if (words.done() || each.trimStart().startsWith("//")) continue;
    try {
      const first = words.take("a verb");
      if (first === "seed") seed = whole(words.take("a seed"), 0, Number.MAX_SAFE_INTEGER);
      else if (first === "cluster") cluster = parseCluster(words);
      else lines.push(parseLine(first, words));
      words.end();
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      return { ok: false, line: at + 1, what: trouble.message };
    }
  }
  return { ok: true, script: { seed, cluster, lines } };
}

/** The words of one line, in order; options `name=value` are taken by name. */
class Words {
  private readonly words: string[];

  constructor(line: string) {
    this.words = line.split(/\s+/).filter((word) => word !== "");
  }

  done(): boolean {
    return this.words.length === 0;
  }

  take(what: string): string {
    return this.words.shift() ?? fail(`${what} is missing`);
  }

  option(name: string): string | undefined {
    const at = this.words.findIndex((word) => word.startsWith(`${name}=`));
    return at < 0 ? undefined : this.words.splice(at, 1)[0]?.slice(name.length + 1);
  }

  needed(name: string): string {
    return this.option(name) ?? fail(`${name}= is missing`);
  }

  rest(): string[] {
    return this.words.splice(0);
  }

  end(): void {
    const [left] = this.words;
    if (left !== undefined) fail(`${left} is not understood here`);
  }
}

function parseCluster(words: Words): Cluster {
  return {
    nodes: whole(words.take("a number of servers"), 1, NODES_MAX),
    levels: whole(words.option("levels") ?? String(DEFAULT_CLUSTER.levels), 1, 16),
    append: oneOf(words.option("append") ?? "no", ["yes", "no"]) === "yes",
    disk: oneOf(words.option("disk") ?? DEFAULT_CLUSTER.disk, ["weak", "ordered"]),
  };
}

function parseLine(first: string, words: Words): Line {
  if (first !== "at") return { at: 0, verb: parseVerb(first, words) };
  const at = time(words.take("a time"));
  return { at, verb: parseVerb(words.take("a verb"), words) };
}

function parseVerb(kind: string, words: Words): Verb {
  switch (kind) {
    case "upload":
      return parseUpload(words);
    case "link": {
      const { from, to } = arrow(words.take("FROM>TO"));
      return { kind, from, to, ...parseLinkFields(words) };
    }
    case "rate":
      return {
        kind,
        host: host(words.take("a host")),
        up: whole(words.option("up") ?? "0", 0, 1e9),
        down: whole(words.option("down") ?? "0", 0, 1e9),
      };
    case "cut":
    case "heal":
      return parsePair(kind, words);
    case "crash":
      return {
        kind,
        host: host(words.take("a host")),
        disk: oneOf(words.option("disk") ?? "weak", ["weak", "ordered", "kept"]),
      };
    case "start":
    case "pause":
    case "resume":
      return { kind, host: host(words.take("a host")) };
    case "join":
      return {
        kind,
        host: host(words.take("a host")),
        peers: words
          .needed("peers")
          .split(",")
          .filter((each) => each !== "")
          .map(host),
      };
    case "clock":
      return {
        kind,
        host: host(words.take("a host")),
        step: signed(words.option("step") ?? "+0s"),
        drift: whole(words.option("drift") ?? "0", -500_000, 500_000),
      };
    case "fail":
      return {
        kind,
        host: host(words.take("a host")),
        call: oneOf(words.take("a call"), FAILING_CALLS),
        code: oneOf(words.take("a code"), FAILING_CODES),
        count: whole(words.option("count") ?? "1", 1, 1e6),
      };
    case "slow":
      return { kind, host: host(words.take("a host")), factor: whole(words.needed("factor"), 1, 100_000) };
    default:
      return fail(`${kind} is no verb`);
  }
}

function parseUpload(words: Words): UploadVerb {
  const files = whole(words.option("files") ?? "3", 0, 1e6);
  const bytes = whole(words.option("bytes") ?? String(DEFAULT_BYTES), 0, 1e9);
  const mode = oneOf(words.option("mode") ?? "replace", ["append", "replace"]);
  const skew = signed(words.option("skew") ?? "+0s");
  const client = host(words.take("a client"));
  const path = words.take("a path");
  if (!/^(\/[\w.-]+)+$/.test(path)) fail(`${path} is no path like /site/current`);
  const number = words.take("a content like #7");
  if (!number.startsWith("#")) fail(`${number} is no content like #7`);
  const content = whole(number.slice(1), 0, 1e9);
  if (words.take("`to`") !== "to") fail("`to` and its servers are missing");
  const to = words.rest().map(host);
  if (to.length === 0) fail("a server to upload to is missing");
  return { kind: "upload", client, path, content, files, bytes, mode, skew, to };
}

function parseLinkFields(words: Words): LinkFields {
  const loss = words.option("loss");
  const dup = words.option("dup");
  const flip = words.option("flip");
  const late = words.option("late");
  const delay = words.option("delay");
  return {
    ...(loss === undefined ? {} : { loss: share(loss) }),
    ...(dup === undefined ? {} : { dup: share(dup) }),
    ...(flip === undefined ? {} : { flip: share(flip) }),
    ...(late === undefined ? {} : { late: time(late) }),
    ...(delay === undefined ? {} : { delay: range(delay) }),
  };
}

function parsePair(kind: "cut" | "heal", words: Words): Verb {
  if (kind === "heal" && words.done()) return { kind, from: "*", to: "*", oneWay: false };
  const first = words.take("a host");
  if (first.includes(">")) return { kind, ...arrow(first), oneWay: true };
  return { kind, from: pattern(first), to: pattern(words.take("a second host")), oneWay: false };
}

function fail(what: string): never {
  throw new Trouble(what);
}

function host(word: string): string {
  return /^[a-z][a-z0-9]*$/.test(word) ? word : fail(`${word} is no host like n1`);
}

function pattern(word: string): string {
  return word === "*" ? word : host(word);
}

function arrow(word: string): { readonly from: string; readonly to: string } {
  const [from, to, more] = word.split(">");
  if (from === undefined || to === undefined || more !== undefined) return fail(`${word} is not FROM>TO`);
  return { from: pattern(from), to: pattern(to) };
}

function whole(word: string, least: number, most: number): number {
  const value = Number(word);
  if (!/^-?\d+$/.test(word) || value < least || value > most)
    fail(`${word} is no whole number from ${least} to ${most}`);
  return value === 0 ? 0 : value; // never -0
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["us", 1],
  ["ms", 1_000],
  ["s", 1_000_000],
]);

function time(word: string): number {
  const [, digits = "", unit = ""] =
    /^(\d{1,12})(us|ms|s)$/.exec(word) ?? fail(`${word} is no time like 5ms or 2s`);
  const micros = Number(digits) * (UNITS.get(unit) ?? 1);
  return Number.isSafeInteger(micros) ? micros : fail(`${word} is too long`);
}

function signed(word: string): number {
  const micros = time(word.replace(/^[+-]/, ""));
  return word.startsWith("-") && micros !== 0 ? -micros : micros;
}

function share(word: string): Share {
  const [hits = "", outOf = "", more] = word.split("/");
  if (more !== undefined) fail(`${word} is no share like 1/100`);
  const bound = whole(outOf, 1, 1e9);
  return { hits: whole(hits, 0, bound), outOf: bound };
}

function range(word: string): { readonly min: number; readonly max: number } {
  const [least = "", most = "", more] = word.split("..");
  if (more !== undefined) fail(`${word} is no range like 5ms..40ms`);
  const min = time(least);
  const max = time(most);
  return max >= min ? { min, max } : fail(`${word} ends before it begins`);
}

function oneOf<const T extends string>(word: string, known: readonly T[]): T {
  return known.find((each) => each === word) ?? fail(`${word} is none of ${known.join(", ")}`);
}
