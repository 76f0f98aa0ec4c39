/**
 * A script from a seed. Which kinds of fault a run has is itself drawn (a swarm: each kind in about half of the runs),
 * so that no kind always hides another. Each draw is keyed by what it decides.
 */
import { below, chance, keyed, type Prng, sample } from "../kernel/prng.ts";
import type { CrashModel } from "./disk.ts";
import { FAILING_CALLS, FAILING_CODES, LIES, type Line, type Script, type Verb } from "./script.ts";
import { addAim, AIMS_MAX } from "./plan-aim.ts";
import { addClean, addLate, CLEAN, drawRules } from "./plan-clean.ts";
import { addRare, RARE_KINDS, type RareKind, TAKING } from "./plan-rare.ts";
import { addUploads, BEGIN } from "./plan-uploads.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export const FAULT_KINDS = [
  "loss",
  "dup",
  "flip",
  "delay",
  "rate",
  "cut",
  "one_way_cut",
  "crash",
  "kill",
  "pause",
  "join",
  "clock",
  "fail",
  "slow",
  "skew",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

const FAULTS_END = 25 * SECOND;
const RARE = 12; // one in so many runs has each rare kind
/** Kinds that often leave nothing to be judged, in fewer runs still: what nobody has whole has to be excused. */
const RARER: ReadonlyMap<RareKind, number> = new Map([
  ["orphan", 40],
  ["edit", 40],
  ["rot", 24],
  ["remove", 24],
  ["disk", 24],
  ["leave", 24],
]);
/** One in so many runs lasts until second copies of datagrams are more than a minute old. */
const LONG = 20;
const LONG_MICROS = 75 * SECOND;
const CORE = 6; // one in so many runs heals a part of its servers
const CALM = 16; // one in so many runs has no fault at all
const TICK = 100 * MILLISECOND; // times are drawn in these, and nudged by single milliseconds

/** `asked`: a number of servers instead of a drawn one; the faults are of the same kinds and number. */
export function planScript(seed: number, asked: number | null = null): Script {
  const draw = (...identity: readonly string[]): Prng => keyed(seed, "plan", ...identity);
  // Without any fault more is promised than with some.
  const calm = chance(draw("calm"), 1, CALM);
  const on = new Set<FaultKind>(FAULT_KINDS.filter((kind) => !calm && chance(draw("swarm", kind), 1, 2)));
  const shape = draw("shape");
  const drawn = 2 + below(shape, 4);
  const nodes = asked ?? drawn;
  const levels = chance(shape, 1, 4) ? 2 : 1;
  const append = chance(shape, 1, 5);
  const disk: CrashModel = chance(shape, 1, 3) ? "ordered" : "weak";
  const servers = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
  const lines: Line[] = [];

  const add = (at: number, verb: Verb): void => {
    lines.push({ at, verb });
  };
  const some = (kind: FaultKind, most: number, make: (stream: Prng, nth: number) => void): void => {
    if (!on.has(kind)) return;
    const count = 1 + below(draw(kind, "count"), most);
    for (let nth = 1; nth <= count; nth++) make(draw(kind, String(nth)), nth);
  };

  const rules = chance(draw("clean"), 1, CLEAN) ? drawRules(draw("clean", "rules")) : null;
  const cleaned = rules !== null;
  addUploads({ draw, servers, levels, append, skewed: on.has("skew"), cleaned, anyMoment, add });
  const uploads = lines.flatMap(({ at, verb }) => (verb.kind === "upload" ? [{ at, verb }] : []));
  const paths = uploads.map(({ verb }) => verb.path);
  const busy = lines.map(({ at }) => at);
  /** Half of the faults come while an upload is spreading: little goes wrong in a cluster at rest. */
  const moment = (stream: Prng): number =>
    chance(stream, 1, 2) ? one(stream, busy) + below(stream, 2_000) * MILLISECOND : anyMoment(stream);
  some("loss", 2, (stream) =>
    add(moment(stream), {
      kind: "link",
      ...pair(stream, servers),
      loss: { hits: 1 + below(stream, 30), outOf: 100 },
    }),
  );
  some("dup", 2, (stream) =>
    add(moment(stream), {
      kind: "link",
      ...pair(stream, servers),
      dup: { hits: 1 + below(stream, 20), outOf: 100 },
      late: (1 + below(stream, 20_000)) * MILLISECOND,
    }),
  );
  some("flip", 2, (stream) =>
    add(moment(stream), {
      kind: "link",
      ...pair(stream, servers),
      flip: { hits: 1 + below(stream, 5), outOf: 100 },
    }),
  );
  some("delay", 2, (stream) => {
    const min = (1 + below(stream, 20)) * MILLISECOND;
    const max = min + below(stream, 400) * MILLISECOND;
    add(moment(stream), { kind: "link", ...pair(stream, servers), delay: { min, max } });
  });
  some("rate", 2, (stream) =>
    add(0, {
      kind: "rate",
      host: one(stream, servers),
      up: 2_000 + below(stream, 50_000),
      down: 2_000 + below(stream, 50_000),
    }),
  );
  for (const kind of ["cut", "one_way_cut"] as const) {
    some(kind, 3, (stream) => {
      const [from = "n1", to = "*"] = chance(stream, 1, 4)
        ? [one(stream, servers), "*"]
        : sample(stream, servers, 2);
      const at = moment(stream);
      const oneWay = kind === "one_way_cut";
      add(at, { kind: "cut", from, to, oneWay });
      add(at + lasting(stream), { kind: "heal", from, to, oneWay });
    });
  }
  some("crash", 3, (stream) => {
    const host = one(stream, servers);
    const at = moment(stream);
    add(at, { kind: "crash", host, disk: chance(stream, 2, 3) ? "weak" : "ordered" });
    add(at + lasting(stream), { kind: "start", host, machine: null });
  });
  some("kill", 2, (stream) => {
    // A client mostly in the middle of its upload, and seldom: what it brought may be nowhere. A server at any time.
    const host = chance(stream, 1, 200) ? "c1" : one(stream, servers);
    const at = host === "c1" ? (busy[0] ?? 0) + below(stream, 150) * MILLISECOND : moment(stream);
    if (host !== "c1" && chance(stream, 1, 2)) return add(at, { kind: "restart", host });
    add(at, { kind: "crash", host, disk: "kept" });
    if (host !== "c1") add(at + lasting(stream), { kind: "start", host, machine: null });
  });
  some("pause", 2, (stream) => {
    const host = one(stream, servers);
    const at = moment(stream);
    add(at, { kind: "pause", host });
    add(at + lasting(stream), { kind: "resume", host });
  });
  some("join", 1, (stream, nth) =>
    add(moment(stream), {
      kind: "join",
      host: `n${nodes + nth}`,
      peers: sample(stream, servers, 1 + below(stream, nodes)),
      machine: null,
    }),
  );
  some("clock", 2, (stream) =>
    add(moment(stream), {
      kind: "clock",
      host: one(stream, servers),
      step: (below(stream, 240_001) - 120_000) * MILLISECOND,
      drift: below(stream, 2_001) - 1_000,
    }),
  );
  some("fail", 3, (stream) =>
    add(moment(stream), {
      kind: "fail",
      host: one(stream, servers),
      call: one(stream, FAILING_CALLS),
      code: one(stream, FAILING_CODES),
      count: 1 + below(stream, 3),
    }),
  );
  some("slow", 1, (stream) =>
    add(moment(stream), { kind: "slow", host: one(stream, servers), factor: 2 + below(stream, 200) }),
  );
  if (rules !== null) addClean({ draw, rules, servers, calm, uploads, moment, add });
  // Where images are removed, too few have one for more copies to get lost: nothing could be judged.
  const core = calm || cleaned ? undefined : drawCore(draw("core"), servers, add);
  const victim = one(draw("victim"), servers);
  for (const kind of RARE_KINDS) {
    if (calm || (cleaned && TAKING.includes(kind)) || !chance(draw("rare", kind), 1, RARER.get(kind) ?? RARE))
      continue;
    addRare(draw("rare", kind, "1"), {
      kind,
      servers,
      victim,
      paths,
      busy,
      append,
      levels,
      moment,
      lasting,
      add,
    });
  }
  const isLong = !calm && chance(draw("long"), 1, LONG);
  if (isLong) {
    const dup = { hits: 1, outOf: 2 };
    add(BEGIN, { kind: "link", from: "*", to: "*", dup, late: 2 * LONG_MICROS });
    if (cleaned) addLate({ draw, servers, uploads, at: LONG_MICROS - 5 * SECOND, add });
  }
  const aims = calm ? 0 : isLong ? AIMS_MAX : cleaned ? AIMS_MAX - 1 : below(draw("aims"), AIMS_MAX);
  for (let nth = 0; nth < aims; nth++) {
    const stream = draw("aim", String(nth));
    const at = (isLong ? LONG_MICROS : 2 * BEGIN) + below(stream, 120) * TICK;
    addAim(stream, { seed, nth, servers, victim, cleaned, path: one(stream, paths), append, at, add });
  }
  return {
    seed,
    cluster: {
      nodes,
      levels,
      append,
      disk,
      ...(core === undefined ? {} : { core }),
      ...(rules === null ? {} : { clean: rules }),
    },
    lines: lines.toSorted((a, b) => a.at - b.at), // stable: what was added first stays first
  };
}

/** In some runs not everybody is healed: each of the others ends in a way of its own. */
function drawCore(
  stream: Prng,
  servers: readonly string[],
  add: (at: number, verb: Verb) => void,
): readonly string[] | undefined {
  if (servers.length < 3 || !chance(stream, 1, CORE)) return undefined;
  const core = sample(stream, servers, 2 + below(stream, servers.length - 2)).toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  for (const host of servers) {
    if (core.includes(host)) continue;
    const at = FAULTS_END - below(stream, 10_000) * MILLISECOND;
    const ends: readonly Verb[] = [
      { kind: "crash", host, disk: "weak" },
      { kind: "pause", host },
      { kind: "cut", from: host, to: "*", oneWay: false },
      { kind: "cut", from: host, to: one(stream, core), oneWay: chance(stream, 1, 2) },
      { kind: "betray", host, how: sample(stream, LIES, 1 + below(stream, 3)) },
    ];
    add(at, one(stream, ends));
  }
  return core;
}

function anyMoment(stream: Prng): number {
  const ticks = (FAULTS_END - 5 * SECOND - BEGIN) / TICK;
  return BEGIN + below(stream, ticks) * TICK + below(stream, 100) * MILLISECOND;
}

function lasting(stream: Prng): number {
  return (100 + below(stream, chance(stream, 1, 2) ? 900 : 12_000)) * MILLISECOND;
}

/** Some traffic: of one pair, of one host to all or from all, or everything. */
function pair(stream: Prng, servers: readonly string[]): { readonly from: string; readonly to: string } {
  const [from = "*", to = "*"] = sample(stream, servers, 2);
  return { from: chance(stream, 1, 3) ? "*" : from, to: chance(stream, 1, 3) ? "*" : to };
}

function one<T>(stream: Prng, items: readonly T[]): T {
  return items[below(stream, items.length)] as T;
}
