/** The text of a script, understood or refused with the line and the reason. */
import type { CleanRules } from "./clean.ts";
import type { Share } from "./network.ts";
import {
  type Cluster,
  type ConfigVerb,
  type Deed,
  DEFAULT_BYTES,
  DEFAULT_CLUSTER,
  FAILING_CALLS,
  FAILING_CODES,
  LIES,
  type Line,
  type LinkFields,
  NODES_MAX,
  PLACES,
  type Script,
  SIGNING_KEYS,
  type UploadVerb,
  type Verb,
  WHEN_PHASES,
  type WhenVerb,
} from "./script.ts";
import { MILLISECOND } from "./timeline.ts";

export type ParsedScript =
  | { readonly ok: true; readonly script: Script }
  | { readonly ok: false; readonly line: number; readonly what: string };

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

  /** The next word, if it looks like this. */
  ifNext(shape: RegExp): string | undefined {
    return shape.test(this.words[0] ?? "") ? this.words.shift() : undefined;
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
  const core = words.option("core");
  const clean = words.option("clean");
  return {
    ...(core === undefined ? {} : { core: hosts(core) }),
    ...(clean === undefined ? {} : { clean: cleanRules(clean) }),
    nodes: whole(words.take("a number of servers"), 1, NODES_MAX),
    levels: whole(words.option("levels") ?? String(DEFAULT_CLUSTER.levels), 1, 16),
    append: oneOf(words.option("append") ?? "no", ["yes", "no"]) === "yes",
    disk: oneOf(words.option("disk") ?? DEFAULT_CLUSTER.disk, ["weak", "ordered"]),
  };
}

function parseLine(first: string, words: Words): Line {
  if (first !== "at") return { at: 0, verb: parseVerb(first, words) };
  const at = time(words.take("a time"));
  const verb = parseVerb(words.take("a verb"), words);
  return verb.kind === "config" && at > 0 ? fail("config is of the beginning") : { at, verb };
}

function parseVerb(kind: string, words: Words): Verb {
  if (kind === "when") return parseWhen(words);
  return kind === "config" ? parseConfig(words) : parseDeed(kind, words);
}

/** What comes before the verb stands in its order, since verbs have options of the same names. */
function parseWhen(words: Words): WhenVerb {
  const name = host(words.take("a host"));
  const phase = oneOf(words.take("a phase"), WHEN_PHASES);
  const nth = words.ifNext(/^nth=/)?.slice("nth=".length) ?? "1";
  const call = words.ifNext(/^call=/)?.slice("call=".length);
  const delay = words.ifNext(/^\+/)?.slice(1) ?? "0s";
  return {
    kind: "when",
    host: name,
    phase,
    nth: whole(nth, 1, 1e6),
    call: call === undefined ? null : calls(call),
    delay: time(delay),
    deed: parseDeed(words.take("a verb"), words),
  };
}

function parseConfig(words: Words): ConfigVerb {
  const name = host(words.take("a host"));
  const append = words.option("append");
  const levels = words.option("levels");
  const keys = words.option("keys");
  const clean = words.option("clean");
  return {
    kind: "config",
    host: name,
    append: append === undefined ? null : oneOf(append, ["yes", "no"]) === "yes",
    levels: levels === undefined ? null : whole(levels, 1, 16),
    keys: keys === undefined ? null : listOf(keys).map((each) => oneOf(each, SIGNING_KEYS)),
    clean: clean === undefined ? null : clean === "no" ? clean : cleanRules(clean),
  };
}

function parseDeed(kind: string, words: Words): Deed {
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
    case "flap":
      return {
        kind,
        from: pattern(words.take("a host")),
        to: pattern(words.take("a second host")),
        every: atLeast(MILLISECOND, time(words.needed("every"))),
        lasting: time(words.needed("for")),
      };
    case "split":
      return { kind, from: hosts(words.take("a group like n1,n2")), to: hosts(words.take("a second group")) };
    case "crash":
      return {
        kind,
        host: pattern(words.take("a host")),
        disk: diskWord(words.option("disk") ?? "weak"),
      };
    case "start": {
      const machine = words.option("machine");
      const name = pattern(words.take("a host"));
      return { kind, host: name, machine: machine === undefined ? null : host(machine) };
    }
    case "pause":
    case "resume":
    case "restart":
    case "save":
    case "leave":
      return { kind, host: host(words.take("a host")) };
    case "join": {
      const name = host(words.take("a host"));
      const machine = words.option("machine");
      return {
        kind,
        host: name,
        peers: hosts(words.needed("peers")),
        machine: machine === undefined ? null : host(machine),
      };
    }
    case "peers":
      return { kind, host: host(words.take("a host")), peers: hosts(words.needed("peers")) };
    case "reset":
    case "halve":
      return { kind, from: pattern(words.take("a host")), to: pattern(words.take("a second host")) };
    case "stall":
      return { kind, host: host(words.take("a host")), lasting: time(words.needed("for")) };
    case "rot":
    case "edit":
      return {
        kind,
        host: host(words.take("a host")),
        place: oneOf(words.take("a place"), PLACES),
        nth: whole(words.option("nth") ?? "0", 0, 1e6),
      };
    case "remove":
      return { kind, host: host(words.take("a host")), path: path(words.take("a path")) };
    case "keep": {
      const name = pattern(words.take("a host"));
      const list = words.take("paths, `none` or `broken`");
      return {
        kind,
        host: name,
        paths: list === "broken" ? null : list === "none" ? [] : listOf(list).map(path),
      };
    }
    case "betray": {
      const name = host(words.take("a host"));
      return { kind, host: name, how: listOf(words.needed("how")).map((each) => oneOf(each, LIES)) };
    }
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
        call: callWord(words.take("a call")),
        code: oneOf(words.take("a code"), FAILING_CODES),
        count: whole(words.option("count") ?? "1", 1, 1e6),
      };
    case "slow":
      return { kind, host: host(words.take("a host")), factor: whole(words.needed("factor"), 1, 100_000) };
    case "hang": {
      const lasting = time(words.needed("for"));
      return { kind, host: host(words.take("a host")), call: callWord(words.take("a call")), lasting };
    }
    default:
      return fail(`${kind} is no verb`);
  }
}

function parseUpload(words: Words): UploadVerb {
  const files = whole(words.option("files") ?? "3", 0, 1e6);
  const bytes = whole(words.option("bytes") ?? String(DEFAULT_BYTES), 0, 1e9);
  const mode = oneOf(words.option("mode") ?? "replace", ["append", "replace"]);
  const skew = signed(words.option("skew") ?? "+0s");
  const frozen = oneOf(words.option("clock") ?? "running", ["running", "frozen"]) === "frozen";
  const key = oneOf(words.option("key") ?? "known", SIGNING_KEYS);
  const before = words.option("old");
  const old = before === undefined ? null : host(before);
  const client = host(words.take("a client"));
  const at = path(words.take("a path"));
  const number = words.take("a content like #7");
  if (!number.startsWith("#")) fail(`${number} is no content like #7`);
  const content = whole(number.slice(1), 0, 1e9);
  if (words.take("`to`") !== "to") fail("`to` and its servers are missing");
  const to = words.rest().map(host);
  if (to.length === 0) fail("a server to upload to is missing");
  return { kind: "upload", client, path: at, content, files, bytes, mode, skew, frozen, key, old, to };
}

function parseLinkFields(words: Words): LinkFields {
  const loss = words.option("loss");
  const burst = words.option("burst");
  const tail = words.option("tail");
  const long = words.option("long");
  const dup = words.option("dup");
  const flip = words.option("flip");
  const late = words.option("late");
  const delay = words.option("delay");
  const corrupt = words.option("corrupt");
  const mtu = words.option("mtu");
  return {
    ...(loss === undefined ? {} : { loss: share(loss) }),
    ...(burst === undefined ? {} : { burst: time(burst) }),
    ...(dup === undefined ? {} : { dup: share(dup) }),
    ...(flip === undefined ? {} : { flip: share(flip) }),
    ...(corrupt === undefined ? {} : { corrupt: share(corrupt) }),
    ...(mtu === undefined ? {} : { mtu: whole(mtu, 1, 65_535) }),
    ...(late === undefined ? {} : { late: time(late) }),
    ...(tail === undefined ? {} : { tail: share(tail) }),
    ...(long === undefined ? {} : { long: time(long) }),
    ...(delay === undefined ? {} : { delay: range(delay) }),
  };
}

function parsePair(kind: "cut" | "heal", words: Words): Deed {
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

function path(word: string): string {
  return /^(\/[\w.-]+)+$/.test(word) ? word : fail(`${word} is no path like /site/current`);
}

/** `1,100,20s`, or `1,100,20s,list`. */
function cleanRules(word: string): CleanRules {
  const [min = "", max = "", recent = "", list, more] = word.split(",");
  if (more !== undefined || (list !== undefined && list !== "list"))
    fail(`${word} is no rule like 1,100,20s or 1,100,20s,list`);
  return {
    min: whole(min, 1, 1e6),
    max: whole(max, 0, 1e6),
    recent: time(recent),
    list: list !== undefined,
  };
}

/** What is left of a disk, or whose copy it becomes. */
function diskWord(word: string): string {
  return /^[a-z]+\d+$/.test(word) ? word : oneOf(word, ["weak", "ordered", "kept", "empty", "old"]);
}

/** `sync:3` is the third of them, `*:3` the third of any. */
function calls(word: string): WhenVerb["call"] {
  const [name = "", nth = "1", more] = word.split(":");
  if (more !== undefined) return fail(`${word} is no call like sync:3`);
  return { name: callWord(name), nth: whole(nth, 1, 1e6) };
}

function callWord(word: string): (typeof FAILING_CALLS)[number] | "*" {
  return word === "*" ? word : oneOf(word, FAILING_CALLS);
}

function atLeast(least: number, micros: number): number {
  return micros >= least ? micros : fail(`${micros}us is below ${least}us`);
}

function listOf(word: string): readonly string[] {
  return word.split(",").filter((each) => each !== "");
}

function hosts(word: string): readonly string[] {
  return listOf(word).map(host);
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
  return parseTime(word) ?? fail(`${word} is no time like 5ms or 2s`);
}

/** `5ms` or `2s` in microseconds; null for what is none. */
export function parseTime(word: string): number | null {
  const [, digits = "", unit = ""] = /^(\d{1,12})(us|ms|s)$/.exec(word) ?? [];
  const micros = Number(digits) * (UNITS.get(unit) ?? 1);
  return digits !== "" && Number.isSafeInteger(micros) ? micros : null;
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
