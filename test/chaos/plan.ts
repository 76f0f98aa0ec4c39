/** What is done to the servers of a chaos run, and when: drawn from a seed, before anything runs. */
import type { Journal } from "../system/rig/disk.ts";
import { below, keyed, type Prng, sample, shuffle } from "../../kernel/prng.ts";

export const SERVERS = [1, 2, 3, 4, 5] as const;
export type ServerNumber = (typeof SERVERS)[number];

/** What befalls one server; no other of these at the same time. */
export const SERVER_FAULTS = [
  "kill", // SIGKILL, and a new start
  "power_cut", // SIGKILL, and what was not synced is lost
  "restart", // SIGTERM, and a new start
  "pause", // SIGSTOP, SIGCONT
  "disk_full",
  "clock_back",
  "clock_forward",
  "link_down", // the server's own: nobody reaches it
] as const;
/** What befalls the lines between them. */
export const LINE_FAULTS = [
  "one_way", // what one sends to another does not arrive
  "cut", // neither does what comes back
  "partition", // two servers on one side, three on the other
] as const;
/** What somebody without a key does; see `hostile.ts`. */
export const ATTACKS = ["garbage", "forged_gossip", "false_blocks", "replay", "slow_sockets"] as const;

/** Who it is: somebody at a listed address, or a machine that nobody knows. */
export const FROM = ["peer", "stranger"] as const;

export type From = (typeof FROM)[number];
export type Attack = (typeof ATTACKS)[number];
export type ServerFault = (typeof SERVER_FAULTS)[number];
export type LineFault = (typeof LINE_FAULTS)[number];

type OnServer = {
  readonly kind: ServerFault;
  readonly server: ServerNumber;
  /** By how much a clock is wrong. */
  readonly sizeMs: number;
  /** What becomes of it at a power cut: one kind after the other. */
  readonly journal: Journal;
};
type Times = { readonly atMs: number; readonly forMs: number };
export type Fault =
  | (Times & OnServer)
  | (Times & { readonly kind: LineFault; readonly lines: readonly Line[] })
  | (Times & {
      readonly kind: "hostile";
      readonly attack: Attack;
      readonly from: From;
      readonly server: ServerNumber;
    });
/** From the first to the second. */
export type Line = readonly [ServerNumber, ServerNumber];

/** Enough are left to take an upload. */
const HIT_MAX = 2;
const GAP_MS = [2_000, 5_000] as const;
const LAST_MS = [2_000, 15_000] as const;
const YEAR_MS = 365 * 86_400_000;
const STEPS_MS = [61_000, 3_600_000, 2 * 86_400_000, YEAR_MS] as const;
const ROUND = SERVER_FAULTS.length + LINE_FAULTS.length + 1;

/** Faults in the order of their beginning, the first at `fromMs`; none lasts beyond `toMs`. */
export function planFaults(seed: number, fromMs: number, toMs: number): readonly Fault[] {
  const dice = keyed(seed, "chaos");
  const out: Fault[] = [];
  const deck: string[] = [];
  let [cuts, attacks] = [0, 0];
  for (let atMs = fromMs; atMs + LAST_MS[0] <= toMs; atMs += between(dice, GAP_MS)) {
    if (deck.length === 0) deck.push(...shuffle(dice, [...SERVER_FAULTS, ...LINE_FAULTS, "hostile"]));
    const times = { atMs, forMs: Math.min(between(dice, LAST_MS), toMs - atMs) };
    const hit = new Set(
      out.flatMap((each) => ("journal" in each && each.atMs + each.forMs >= atMs ? [each.server] : [])),
    );
    const journal = cuts % 2 === 0 ? "lost" : "written";
    const fault = draw(dice, deck, { ...times, journal }, attacks, hit);
    if (fault?.kind === "power_cut") cuts += 1;
    if (fault?.kind === "hostile") attacks += 1;
    if (fault !== null) out.push(fault);
  }
  return out;
}

/** Takes a kind from the deck, so that all kinds come equally often. */
function draw(
  dice: Prng,
  deck: string[],
  { journal, ...times }: Times & Pick<OnServer, "journal">,
  attacks: number,
  hit: ReadonlySet<ServerNumber>,
): Fault | null {
  const tooMany = hit.size >= HIT_MAX;
  const nth = deck.findIndex((kind) => !tooMany || !isServerFault(kind));
  if (nth < 0) {
    if (deck.length < ROUND) deck.push(...LINE_FAULTS, "hostile");
    return null;
  }
  const [kind = ""] = deck.splice(nth, 1);
  if (isServerFault(kind)) {
    const server = pick(
      dice,
      SERVERS.filter((each) => !hit.has(each)),
    );
    return { ...times, kind, server, sizeMs: pick(dice, STEPS_MS), journal };
  }
  if (kind === "hostile") {
    // By turns, so that each comes from each.
    const attack = ATTACKS[attacks % ATTACKS.length] ?? ATTACKS[0];
    const from = FROM[attacks % FROM.length] ?? FROM[0];
    return { ...times, kind, attack, from, server: pick(dice, SERVERS) };
  }
  const [a, b, ...others] = shuffle(dice, SERVERS);
  if (a === undefined || b === undefined) throw new Error("there are no two servers");
  if (kind === "one_way") return { ...times, kind, lines: [[a, b]] };
  if (kind === "cut") return { ...times, kind, lines: bothWays([a], [b]) };
  return { ...times, kind: "partition", lines: bothWays([a, b], others) };
}

function bothWays(some: readonly ServerNumber[], others: readonly ServerNumber[]): readonly Line[] {
  return some.flatMap((a) =>
    others.flatMap((b): readonly Line[] => [
      [a, b],
      [b, a],
    ]),
  );
}

export function isServerFault(kind: string): kind is ServerFault {
  return SERVER_FAULTS.some((each) => each === kind);
}

function between(dice: Prng, [least, most]: readonly [number, number]): number {
  return least + below(dice, most - least + 1);
}

function pick<T>(dice: Prng, from: readonly T[]): T {
  const [found] = sample(dice, from, 1);
  if (found === undefined) throw new Error("nothing to choose from");
  return found;
}
