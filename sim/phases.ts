/**
 * What a server is about, in the protocol's own steps. It may be about several at once: one image is committed while
 * another is fetched, and a fault then meets both.
 *
 *   down          no process runs
 *   recovering    the disk is looked through, before anything else
 *   connecting    a connection is being opened to a peer
 *   reconciling   a peer was asked for the listing of a base directory
 *   promising     a promise, or new signatures, become durable (U3)
 *   indexing      an index is stored or loaded (U4)
 *   preparing     a stage is made, and what is here already is linked into it (U5, U6)
 *   fetching      a download runs (U7)
 *   committing    a stage becomes the image (U8 to U14)
 *   cleaning      the displaced tree, or what was given up, is deleted (U15)
 *   removing      an image that is not kept any more goes (RM1 to RM4)
 *   collecting    indexes that nothing needs are looked for, and go
 *   serving       blocks and indexes are read for others
 *   idle          none of these, and nothing else to do for its disk
 */
import type { DiskRequest } from "../kernel/storage/request.ts";

export const PHASES = [
  "down",
  "recovering",
  "connecting",
  "reconciling",
  "promising",
  "indexing",
  "preparing",
  "fetching",
  "committing",
  "cleaning",
  "removing",
  "collecting",
  "serving",
  "idle",
] as const;
export type Phase = (typeof PHASES)[number];

/** What can be seen of a server from outside. */
export type Activity = {
  readonly down: boolean;
  /** Its process runs and does not listen yet. */
  readonly starting: boolean;
  /** Kinds of what its disk has to do. */
  readonly requests: ReadonlySet<DiskRequest["kind"]>;
  readonly connecting: boolean;
  readonly reconciling: boolean;
  readonly fetching: boolean;
};

/** The phase that a request of the disk is a part of, if it is of one. */
export function phaseOfRequest(kind: DiskRequest["kind"]): Phase | null {
  switch (kind) {
    case "recover":
      return "recovering";
    case "put_intent":
    case "put_state":
      return "promising";
    case "store_index":
    case "load_index":
      return "indexing";
    case "prepare_stage":
      return "preparing";
    case "write_block":
      return "fetching";
    case "commit":
      return "committing";
    case "abort":
    case "delete_old":
      return "cleaning";
    case "remove":
      return "removing";
    case "list_index_folders":
    case "list_indexes":
    case "drop_index":
      return "collecting";
    case "read_block":
    case "read_index":
      return "serving";
    default:
      return null;
  }
}

export function phasesOf({
  down,
  starting,
  requests,
  connecting,
  reconciling,
  fetching,
}: Activity): ReadonlySet<Phase> {
  if (down) return new Set(["down"]);
  if (starting) return new Set(["recovering"]); // what it was about before is over
  const phases = new Set<Phase>();
  for (const kind of requests) {
    const phase = phaseOfRequest(kind);
    if (phase !== null) phases.add(phase);
  }
  if (connecting) phases.add("connecting");
  if (reconciling) phases.add("reconciling");
  if (fetching) phases.add("fetching");
  if (phases.size === 0 && requests.size === 0) phases.add("idle");
  return phases;
}
