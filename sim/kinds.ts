/**
 * Every kind of fault as it is counted when it hits, and which phases of a server it can meet: what a campaign has to
 * have seen. What cannot be is excluded by what a kind needs, never by what happened to be missed.
 */
import { FAILING_CODES } from "./script.ts";
import { type Phase, PHASES } from "./phases.ts";

/** What a kind of fault needs of the server that it hits. */
type Need = {
  readonly kinds: readonly string[];
  readonly never: readonly Phase[];
  readonly reason: string;
};

const NEEDS: readonly Need[] = [
  {
    kinds: [
      "loss",
      "burst",
      "dup",
      "dup_old",
      "corrupt",
      "mtu",
      "queue",
      "tail",
      "cut",
      "split",
      "partial",
      "flap",
    ],
    never: [],
    reason: "datagrams are sent to whoever was heard, whatever it does",
  },
  {
    kinds: ["off"],
    never: PHASES.filter((each) => each !== "down" && each !== "recovering"),
    reason: "who listens gets it",
  },
  {
    kinds: ["flip", "held", "retransmit", "reset", "halve"],
    never: ["down", "recovering"],
    reason: "no connection to a server lives before it listens",
  },
  {
    kinds: ["crash_weak", "crash_ordered", "crash_kept", "mass_crash", "pause", "restart", "stall"],
    never: ["down"],
    reason: "there is no process to hit",
  },
  {
    kinds: ["clock", "rate", "slow", "peers", "leave", "betray", "disk_empty", "disk_old", "disk_copied"],
    never: [],
    reason: "a machine has them whether its process runs or not",
  },
  {
    kinds: ["rot", "edit", "remove"],
    never: ["committing"],
    reason: "between the last look at a stage and its exchange nobody could see it",
  },
  {
    kinds: ["join", "rejoin", "clone", "machine"],
    never: PHASES.filter((each) => each !== "down"),
    reason: "it is not there before",
  },
  {
    kinds: ["hang", ...FAILING_CODES],
    never: ["down", "idle"],
    reason: "only a request of the disk makes calls",
  },
  { kinds: ["keep"], never: [], reason: "an operator writes it at any time" },
  { kinds: ["upload"], never: ["down", "recovering"], reason: "a client reaches only who listens" },
];

export const FAULT_NAMES: readonly string[] = NEEDS.flatMap(({ kinds }) => kinds).toSorted((a, b) =>
  a < b ? -1 : 1,
);

/** A cell is `kind phase`: every one that can be. */
export const CELLS: readonly string[] = FAULT_NAMES.flatMap((kind) =>
  PHASES.filter((phase) => canMeet(kind, phase)).map((phase) => `${kind} ${phase}`),
);

export function canMeet(kind: string, phase: Phase): boolean {
  return NEEDS.every(({ kinds, never }) => !kinds.includes(kind) || !never.includes(phase));
}
