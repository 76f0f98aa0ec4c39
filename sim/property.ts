/**
 * The promises as a property of fast-check: whatever is done to a cluster, the oracle is content. A counterexample is a
 * script, and its message has the text, which `npm run sim -- replay` takes as it is.
 *
 *   fc.assert(scriptProperty(kernelCast), { numRuns: 100 });
 *   fc.assert(fc.property(arbitraryScript({ nodesMax: 3, linesMax: 6, lengthMs: 9_000 }), (script) => {
 *     keepPromises(script, kernelCast);
 *   }));
 */
import * as fc from "fast-check";
import { arbitraryScript, type ScriptBounds } from "./arbitrary.ts";
import { createCrypto, type Crypto } from "./crypto.ts";
import { type Failure, runScript } from "./run.ts";
import { printScript, type Script } from "./script.ts";
import type { Cast } from "./spec.ts";

export class BrokenPromise extends Error {
  readonly script: Script;
  readonly failure: Failure;

  constructor(script: Script, failure: Failure) {
    super(`${failure.detail}\n\n// fails: ${failure.code}\n${printScript(script)}`);
    this.name = "BrokenPromise";
    this.script = script;
    this.failure = failure;
  }
}

/** @throws BrokenPromise */
export function keepPromises(script: Script, cast: Cast, crypto?: Crypto): void {
  const { failure } = runScript(script, cast, crypto === undefined ? {} : { crypto });
  if (failure !== null) throw new BrokenPromise(script, failure);
}

/** `crypto` is shared by all runs: what was digested once is not digested again. */
export function scriptProperty(
  cast: Cast,
  { bounds, crypto = createCrypto() }: { readonly bounds?: ScriptBounds; readonly crypto?: Crypto } = {},
): fc.IProperty<[Script]> {
  return fc.property(arbitraryScript(bounds), (script) => keepPromises(script, cast, crypto));
}

export type Search = {
  /** Scripts that are tried before any fails. */
  readonly runs: number;
  /** Of fast-check: equal ones try equal scripts. */
  readonly seed: number;
  readonly bounds?: ScriptBounds;
  readonly crypto?: Crypto;
};

/** The script that fast-check ends with, and how it fails; null when none fails. */
export function counterexampleOf(cast: Cast, { runs, seed, ...more }: Search): BrokenPromise | null {
  const details = fc.check(scriptProperty(cast, more), { numRuns: runs, seed });
  if (!details.failed) return null;
  const { errorInstance } = details;
  if (errorInstance instanceof BrokenPromise) return errorInstance;
  throw errorInstance; // the simulator itself
}
