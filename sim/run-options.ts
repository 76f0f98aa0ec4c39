/** What a run may be given besides its script. */
import type { TraceFields } from "../kernel/effect.ts";
import type { Crypto } from "./crypto.ts";
import type { Mishap } from "./network.ts";
import type { TraceReader } from "./trace.ts";
import type { World } from "./world.ts";

export type RunOptions = {
  readonly crypto?: Crypto;
  /** Told of the world before anything happens in it, to look on. */
  readonly built?: (world: World) => void;
  /** Told of each mark, after the oracle. */
  readonly marked?: (host: string, mark: string, fields: TraceFields) => void;
  readonly reader?: TraceReader;
  /** Told of what did not arrive as it was sent, with the number of the event that sent it. */
  readonly mishap?: (mishap: Mishap, cause: number) => void;
  /** Servers are made, and peer files listed, in another order, which must change nothing: a number above 0. */
  readonly shuffle?: number;
};
