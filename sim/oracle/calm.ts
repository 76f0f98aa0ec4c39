/**
 * What is promised where nothing goes wrong: a change is told at once and not with the next round, and a client ends well
 * when every server has what it brought.
 */
import type { Ledger } from "./ledger.ts";
import { Violation } from "./violation.ts";

export type Calm = {
  said(host: string, mark: string, path: string, image: string, time: number): void;
  /** At the end. `servers`: all there are. */
  judge(servers: readonly string[]): void;
};

type Spread = { readonly path: string; readonly image: string; readonly begunAt: Map<string, number> };

/** Questions, a verification and a promise on the disk, far from the next round. */
const PROMPT_MICROS = 250_000;
/** Uploads of this time after the first one may come before it. */
const ALONE_MICROS = 1_000_000;

export function createCalm(ledger: Ledger): Calm {
  /** Of what was uploaded first, while it is the only one. */
  let first: Spread | null = null;
  let isAlone = true;

  return {
    said(host, mark, path, image, time) {
      if (mark !== "download_started") return;
      if (first === null) first = { path, image, begunAt: new Map() };
      const begun = first.begunAt.values().next().value ?? time;
      if (first.path !== path || first.image !== image) isAlone &&= time - begun > ALONE_MICROS;
      else if (!first.begunAt.has(host)) first.begunAt.set(host, time);
    },
    judge(servers) {
      if (first === null || !isAlone) return;
      const times = [...first.begunAt.values()];
      const [begun = 0] = times;
      const late = servers.find((host) => (first?.begunAt.get(host) ?? Infinity) - begun > PROMPT_MICROS);
      if (late === undefined || ledger.uploadsAt(first.path).length === 0) return;
      throw new Violation(
        "told_late",
        `${late} begins to fetch ${first.path} later than a change takes to be told`,
      );
    },
  };
}
