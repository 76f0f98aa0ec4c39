/**
 * What must hold, judged by code of its own that shares nothing with what it judges. Each promise has a file below
 * `oracle/`, and its name in `violation.ts`.
 */
import type { FsCall } from "../kernel/storage/call.ts";
import { judgeWrite } from "./oracle/calls.ts";
import { type Circumstances, type Convergence, judgeConvergence } from "./oracle/convergence.ts";
import { createLedger, type Observation, type Upload } from "./oracle/ledger.ts";
import { createTrees, type Site } from "./oracle/trees.ts";
import { Violation } from "./oracle/violation.ts";

export { roundsToConverge, transferMicros } from "./oracle/convergence.ts";
export type { Observation, Upload } from "./oracle/ledger.ts";
export type { Site } from "./oracle/trees.ts";
export { Violation, type ViolationCode } from "./oracle/violation.ts";

/** Everything that judges throws `Violation`. */
export type Oracle = {
  expectUpload(upload: Upload): void;
  observe(observation: Observation): void;
  /** An upload was accepted by a server whose clock allows no signature after `latest`, in milliseconds. */
  expectPresent(upload: number, host: string, latest: number): void;
  /** A file of a site is not what it was, by a fault: where it is visible now it may be as it is. */
  damaged(site: Site, file: string): void;
  /** An index of a site is not what it was, by a fault: nobody can learn from there what is in its image. */
  indexDamaged(site: Site): void;
  /** What a site had and had promised is gone, by a fault: all of it, or what is at one path. */
  forget(site: Site, path?: string): void;
  /** After anything that may have changed names there. */
  check(site: Site): void;
  written(site: Site, call: Extract<FsCall, { call: "write" }>): void;
  /** After a power cut: the state of signatures may go back to what was reported, and not further. */
  crashed(site: Site): void;
  convergence(circumstances: Circumstances): Convergence;
};

export function createOracle(): Oracle {
  const ledger = createLedger();
  const trees = createTrees(ledger);
  return {
    expectUpload: (upload) => ledger.expect(upload),
    observe: (observation) => ledger.note(observation),
    expectPresent(id, host, latest) {
      const timestamp = ledger.signed.get(id)?.timestamp ?? 0;
      if (timestamp <= latest) return;
      const ahead = Math.round((timestamp - latest) / 1000);
      throw new Violation("future_taken", `${host} accepted #${id}, signed ${ahead} s later than it may be`);
    },
    damaged: (site, file) => trees.damaged(site, file),
    indexDamaged: (site) => trees.indexDamaged(site),
    forget: (site, path) => trees.forget(site, path),
    check: (site) => trees.review(site, false),
    written: (site, call) => judgeWrite(ledger, site, call),
    crashed: (site) => trees.review(site, true),
    convergence: (circumstances) => judgeConvergence(ledger, trees, circumstances),
  };
}
