/** What became of the attacks of a chaos run. */
import { ATTACKS, type Attack, type From, FROM } from "./plan.ts";

/** One attack, as the process says that did it. */
export type Attacked = {
  readonly attack: Attack;
  readonly target: string;
  /** By the machine's clock. */
  readonly begun: number;
  /** Datagrams, messages or sockets. */
  readonly tries: number;
  /** What shows that it came, by kind. */
  readonly seen: Readonly<Record<string, number>>;
  /** Away: the server was down or cut off. Missed: it was there, and nothing shows that it has heard of it. */
  readonly outcome: "reached" | "away" | "missed";
  readonly how: string;
};
export type AttackCount = {
  attacks: number;
  reached: number;
  away: number;
  missed: number;
  tries: number;
  readonly seen: Record<string, number>;
};

export class Attacks {
  readonly #counts = new Map<string, AttackCount>();

  /**
   * @param upSince  since when the server runs without a break, by the machine's clock
   * @returns what is wrong with it, or null
   */
  add(from: From, told: Attacked, upSince: number): string | null {
    const { attack, target, begun, tries, seen, how } = told;
    // It may have been down between two looks at its page.
    const outcome = told.outcome === "missed" && upSince > begun ? "away" : told.outcome;
    const count = this.#counts.get(`${attack} ${from}`) ?? newCount();
    this.#counts.set(`${attack} ${from}`, count);
    count.attacks += 1;
    count[outcome] += 1;
    count.tries += tries;
    for (const [kind, times] of Object.entries(seen)) count.seen[kind] = (count.seen[kind] ?? 0) + times;
    return outcome === "missed"
      ? `${attack} of a ${from} never came to ${target}: ${how || JSON.stringify({ tries, seen })}`
      : null;
  }

  /** By attack and by who it is, in the order of the plan. */
  counts(): Readonly<Record<string, AttackCount>> {
    const names = ATTACKS.flatMap((attack) => FROM.map((from) => `${attack} ${from}`));
    return Object.fromEntries(names.map((name) => [name, this.#counts.get(name) ?? newCount()]));
  }
}

function newCount(): AttackCount {
  return { attacks: 0, reached: 0, away: 0, missed: 0, tries: 0, seen: {} };
}
