/**
 * Faults that wait for a phase of the protocol: what the clock draws rarely meets a phase of milliseconds. Each aim is a
 * cell of `kinds.ts`, made to happen: the server is brought to the phase, kept there where a fault needs time to hit, and
 * hit. Which cells a seed aims at is spread evenly over seeds, so that a campaign comes to all of them.
 */
import { below, chance, type Prng, sample } from "../kernel/prng.ts";
import { CELLS } from "./kinds.ts";
import { drawKeep } from "./plan-clean.ts";
import { type Phase, PHASES } from "./phases.ts";
import { type Deed, FAILING_CODES, LIES, type LinkFields, type Verb } from "./script.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export type AimOptions = {
  readonly seed: number;
  readonly nth: number;
  readonly servers: readonly string[];
  /** A path of the plan's uploads; another upload there replaces it, unless the cluster is append-only. */
  readonly path: string;
  readonly append: boolean;
  /** Images are removed. */
  readonly cleaned: boolean;
  /** The one server whose copies get lost or damaged. */
  readonly victim: string;
  /** When it happens. */
  readonly at: number;
  readonly add: (at: number, verb: Verb) => void;
};

/** What a plan brings about by other lines: of its own accord, over minutes, or at a start. */
const NOT_AIMED = ["off", "dup_old", "join", "rejoin", "clone", "machine"];
const OF_CLEANING = / (removing|collecting)$|^keep /;
const AIMED = CELLS.filter((cell) => !NOT_AIMED.includes(kindOf(cell)) && !OF_CLEANING.test(cell));
const AIMED_CLEANING = CELLS.filter((cell) => !NOT_AIMED.includes(kindOf(cell)) && OF_CLEANING.test(cell));
export const AIMS_MAX = 4;
/** Of the golden ratio: multiples of it, cut to 32 bits, fill the range evenly, also those of every nth seed. */
const GOLDEN = 0x9e3779b1;
const WINDOW = 1_500 * MILLISECOND;

/** The cell of a seed's nth aim: `kind phase`. Where images are removed, it is one that is nowhere else. */
export function aimOf(seed: number, nth: number, cleaned = false): string {
  const spread = Math.imul(seed * AIMS_MAX + nth, GOLDEN) >>> 0;
  const cells = cleaned ? AIMED_CLEANING : AIMED;
  return cells[Math.floor((spread * cells.length) / 2 ** 32)] ?? "loss idle";
}

export function addAim(stream: Prng, options: AimOptions): void {
  const { seed, nth, servers, victim, cleaned, add, at } = options;
  const cell = aimOf(seed, nth, cleaned);
  const kind = kindOf(cell);
  const phase = PHASES.find((each) => cell.endsWith(` ${each}`)) ?? "idle";
  const drawn = sample(stream, servers, 2);
  const spoils = /^(disk_|rot$|edit$|remove$)/.test(kind);
  const [host = "n1", other = "n1"] = spoils
    ? [victim, drawn.find((each) => each !== victim) ?? victim]
    : drawn;
  const when = (delay: number, deed: Deed): void =>
    add(at, { kind: "when", host, phase, nth: 1, call: null, delay, deed });
  const aim: Aim = { ...options, stream, kind, phase, host, other, when };
  hit(aim);
  bringAbout(aim);
}

type Aim = AimOptions & {
  readonly stream: Prng;
  readonly kind: string;
  readonly phase: Phase;
  readonly host: string;
  readonly other: string;
  /** So much later than the server comes to the phase. */
  readonly when: (delay: number, deed: Deed) => void;
};

/** Something that makes the server come to the phase, just after what waits for it. */
function bringAbout(aim: Aim): void {
  const { phase, host, other, at, add, nth, stream, servers } = aim;
  const soon = at + MILLISECOND;
  switch (phase) {
    case "idle":
    case "removing":
    case "collecting":
      return; // by itself, when its time has come
    case "down":
    case "recovering": {
      const disk = chance(stream, 1, 2) ? "kept" : "weak";
      add(soon, { kind: "crash", host, disk });
      return add(soon + WINDOW, { kind: "start", host, machine: null });
    }
    case "serving":
      // Who joins has everything to fetch, and asks whoever it knows.
      return add(soon, { kind: "join", host: `n${servers.length + 10 + nth}`, peers: [host], machine: null });
    case "connecting":
    case "reconciling":
      // Far away, so that questions and handshakes last.
      add(at, {
        kind: "link",
        from: "*",
        to: host,
        delay: { min: 300 * MILLISECOND, max: 700 * MILLISECOND },
      });
      add(at + 4 * SECOND, {
        kind: "link",
        from: "*",
        to: host,
        delay: { min: MILLISECOND, max: 5 * MILLISECOND },
      });
      return add(soon, uploadOf(aim, 0, [other]));
    default:
      return add(soon, uploadOf(aim, 0, [chance(stream, 1, 2) ? host : other]));
  }
}

function uploadOf({ nth, path, append, stream }: Aim, more: number, to: readonly string[]): Deed {
  return {
    kind: "upload",
    client: `c${80 + 2 * nth + more}`,
    path: append ? `${path}${nth}${more}` : path,
    content: 40 + 2 * nth + more,
    files: 1 + below(stream, 4),
    bytes: 3_000,
    mode: append ? "append" : "replace",
    skew: 0,
    frozen: false,
    key: "known",
    old: null,
    to,
  };
}

function hit(aim: Aim): void {
  const { kind, host, other, nth, at, add, when, stream, servers, path } = aim;
  const code = FAILING_CODES.find((each) => each === kind);
  if (code !== undefined)
    return when(0, { kind: "fail", host, call: "*", code, count: 1 + below(stream, 2) });
  const rule = RULES[kind];
  if (rule !== undefined) {
    stay(aim);
    if (FRAMES.includes(kind)) when(MILLISECOND, uploadOf(aim, 1, [host]));
    when(0, { kind: "link", from: "*", to: host, ...rule.on });
    return when(WINDOW, { kind: "link", from: "*", to: host, ...rule.off });
  }
  switch (kind) {
    case "cut":
    case "held":
      stay(aim);
      if (kind === "held") when(0, uploadOf(aim, 1, [host]));
      when((kind === "held" ? 10 + below(stream, 40) : 0) * MILLISECOND, {
        kind: "cut",
        from: "*",
        to: host,
        oneWay: true,
      });
      return when(WINDOW, { kind: "heal", from: "*", to: host, oneWay: true });
    case "queue": {
      // Who joins with a line that a few packets of gossip fill has nothing that others wait for.
      stay(aim);
      const slow = `n${servers.length + 20 + nth}`;
      add(at, { kind: "join", host: slow, peers: [host], machine: null });
      return add(at + MILLISECOND, { kind: "rate", host: slow, up: 15, down: 0 });
    }
    case "reset":
    case "halve":
    case "stall":
      stay(aim);
      when(0, uploadOf(aim, 1, [host]));
      return when(
        (5 + below(stream, 60)) * MILLISECOND,
        kind === "stall" ? { kind, host, lasting: SECOND } : { kind, from: host, to: "*" },
      );
    case "split":
    case "partial": {
      const far = servers.filter((each) => each !== host);
      const to = kind === "split" ? far : far.slice(0, Math.max(1, far.length - 1));
      when(0, { kind: "split", from: [host], to });
      for (const each of to) when(WINDOW, { kind: "heal", from: host, to: each, oneWay: false });
      return;
    }
    case "flap":
      return when(0, {
        kind,
        from: host,
        to: "*",
        every: (100 + below(stream, 400)) * MILLISECOND,
        lasting: WINDOW,
      });
    case "crash_weak":
    case "crash_ordered":
    case "crash_kept":
      if ((aim.phase === "committing" || aim.phase === "removing") && chance(stream, 3, 4)) {
        // Around U11 to U14: the first rename is the image's, the second the promise's; a sync takes up to 4 ms.
        // Around RM2 to RM4: the first is the floor's, the second the image's.
        const call = { name: "rename", nth: 1 + below(stream, 2) } as const;
        const delay = chance(stream, 1, 2) ? 0 : below(stream, 3) * MILLISECOND;
        const deed = { kind: "crash", host, disk: kind.slice("crash_".length) } as const;
        add(at, { kind: "when", host, phase: aim.phase, nth: 1, call, delay, deed });
      } else when(below(stream, 3) * MILLISECOND, { kind: "crash", host, disk: kind.slice("crash_".length) });
      return add(at + 2 * WINDOW, { kind: "start", host, machine: null });
    case "mass_crash":
      when(0, { kind: "crash", host: "*", disk: chance(stream, 1, 2) ? "weak" : "ordered" });
      return add(at + 2 * WINDOW, { kind: "start", host: "*", machine: null });
    case "disk_empty":
    case "disk_old":
    case "disk_copied":
      if (kind === "disk_old") add(at - SECOND, { kind: "save", host });
      when(0, { kind: "crash", host, disk: kind === "disk_copied" ? other : kind.slice("disk_".length) });
      return add(at + 2 * WINDOW, { kind: "start", host, machine: null });
    case "pause":
      when(0, { kind: "pause", host });
      return when(below(stream, 8_000) * MILLISECOND, { kind: "resume", host });
    case "restart":
      return when(0, { kind, host });
    case "clock":
      return when(0, { kind: "clock", host, step: stepOf(stream), drift: 0 });
    case "rate":
      return when(0, {
        kind: "rate",
        host,
        up: 500 + below(stream, 3_000),
        down: 500 + below(stream, 3_000),
      });
    case "slow":
      return when(0, { kind: "slow", host, factor: 2 + below(stream, 100) });
    case "hang":
      return when(0, { kind: "hang", host, call: "*", lasting: (100 + below(stream, 3_000)) * MILLISECOND });
    case "peers":
      return when(0, { kind: "peers", host, peers: [other] });
    case "leave":
      if (servers.length > 2) when(0, { kind: "leave", host });
      return;
    case "betray":
      if (servers.length > 2)
        when(0, { kind: "betray", host, how: sample(stream, LIES, 1 + below(stream, 3)) });
      return;
    case "rot":
    case "edit":
      return when(0, {
        kind,
        host,
        place: chance(stream, 3, 4) ? "images" : "indexes",
        nth: below(stream, 40),
      });
    case "remove":
      return when(0, { kind, host, path });
    case "keep":
      return when(0, { ...drawKeep(stream, servers, [path]), host });
    case "upload":
    default:
      stay(aim);
      return when(MILLISECOND, uploadOf(aim, 1, [host]));
  }
}

/** A call of the disk hangs, so that what a request is for lasts. */
function stay({ phase, host, when }: Aim): void {
  if (["down", "idle", "connecting", "reconciling"].includes(phase)) return;
  when(0, { kind: "hang", host, call: "*", lasting: WINDOW });
}

const ALL = { hits: 1, outOf: 1 };
const NONE = { hits: 0, outOf: 1 };
const FRAMES = ["flip", "retransmit", "tail"];

/** Of what comes to the server, for a while. */
const RULES: Readonly<Record<string, { readonly on: LinkFields; readonly off: LinkFields }>> = {
  loss: { on: { loss: ALL }, off: { loss: NONE } },
  burst: { on: { loss: ALL, burst: 2 * SECOND }, off: { loss: NONE, burst: 0 } },
  retransmit: { on: { loss: { hits: 1, outOf: 2 } }, off: { loss: NONE } },
  dup: { on: { dup: ALL }, off: { dup: NONE } },
  corrupt: { on: { corrupt: ALL }, off: { corrupt: NONE } },
  flip: { on: { flip: { hits: 1, outOf: 2 } }, off: { flip: NONE } },
  mtu: { on: { mtu: 50 }, off: { mtu: 65_535 } },
  tail: { on: { tail: { hits: 1, outOf: 2 }, long: SECOND }, off: { tail: NONE } },
};

const HOUR = 3_600;
const YEAR = 8_766 * HOUR;

/** Seconds, hours or years, forward or back, as far as before 1970. */
export function stepOf(stream: Prng): number {
  const [least = 1, most = 2] = [
    [1, 300],
    [HOUR, 30 * HOUR],
    [YEAR, 60 * YEAR],
  ][below(stream, 3)] as readonly number[];
  const seconds = least + below(stream, most - least);
  return (chance(stream, 1, 2) ? seconds : -seconds) * SECOND;
}

function kindOf(cell: string): string {
  return cell.slice(0, cell.indexOf(" "));
}
