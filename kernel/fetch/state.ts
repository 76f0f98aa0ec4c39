/** What is known of one download, what it asks for, and what can be read from its state alone. */
import type { Intent } from "../catalog.ts";
import type { DirectoryConfig, Limits } from "../config.ts";
import type { DiskRequest, Place, Transfer } from "../effect.ts";
import type { MonoMs, OpId, VPath } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import type { Prng } from "../prng.ts";
import type { Request } from "../wire/message.ts";
import { type Holder, type Slots, allStored, maskOf } from "./slots.ts";
import type { Candidate, Sources } from "./sources.ts";

type Phase =
  | { readonly kind: "loading" }
  /** The answer of whoever is first is taken; after `until` another is asked too. */
  | { readonly kind: "asking"; readonly holder: Holder | null; readonly until: MonoMs }
  | { readonly kind: "checking"; readonly holder: Holder }
  | { readonly kind: "preparing" }
  | { readonly kind: "blocks" }
  | { readonly kind: "committing" }
  /** `again`: what is tried then. */
  | { readonly kind: "resting"; readonly until: MonoMs; readonly again: "load" | "commit" };

export type Download = {
  readonly path: VPath;
  readonly directory: DirectoryConfig;
  intent: Intent;
  /** Committed images of the same base directory whose files may be linked, best first. */
  readonly reuse: readonly { readonly path: VPath; readonly image: PackedIndex["image"] }[];
  phase: Phase;
  index: PackedIndex | null;
  slots: Slots | null;
  /** Block number of each slot, ascending. */
  blocks: Uint32Array;
  /** One bit a block: in the stage, verified and written. */
  stored: Uint8Array;
  /** Nothing was linked or reused, so that slices mean the same here as at any other server that began with nothing. */
  fromNothing: boolean;
  readonly sources: Sources;
  sourcesAt: MonoMs;
  lastGoodAt: MonoMs;
  stalled: boolean;
  writes: number;
  fetchedBytes: number;
  linkedBytes: number;
  failures: number;
  /** Holders of the index that did not answer in time. */
  silences: number;
};

/** What is asked of the disk, so that the answer finds its way. */
export type DiskPurpose =
  | { readonly kind: "load" | "check" | "prepare" | "commit" }
  | {
      readonly kind: "write";
      readonly slot: number;
      readonly op: OpId;
      readonly holder: Holder;
      readonly bytes: number;
    };

export type AskPurpose =
  | { readonly kind: "index"; readonly holder: Holder }
  /** `block` by its number in the index: slots are numbered anew when the disk has said no. */
  | { readonly kind: "block"; readonly holder: Holder; readonly block: number };

export type FetchOut =
  | {
      readonly kind: "disk";
      readonly download: Download;
      readonly purpose: DiskPurpose;
      readonly request: DiskRequest;
    }
  | {
      readonly kind: "ask";
      readonly download: Download;
      readonly purpose: AskPurpose;
      readonly request: Request;
    }
  /** Its mask or its need has changed. */
  | { readonly kind: "progress"; readonly download: Download }
  | { readonly kind: "moved"; readonly amount: Partial<Transfer> }
  | { readonly kind: "trace"; readonly mark: string; readonly fields: Record<string, string | number> }
  | { readonly kind: "done"; readonly download: Download }
  | { readonly kind: "aborted"; readonly download: Download; readonly reason: string };

export type FetchView = {
  readonly limits: Limits;
  readonly now: MonoMs;
  readonly prng: Prng;
  candidates(download: Download): readonly Candidate[];
};

export const MASK_WHOLE = 0xffff;

export function placeOf(download: Download): Place {
  return { path: download.path, root: download.directory.root };
}

/** What peers are told: 0 until the index is here, and slices only where they mean the same to everybody. */
export function progressMask(download: Download): number {
  const { slots } = download;
  if (slots === null || download.phase.kind === "resting") return 0;
  if (allStored(slots)) return MASK_WHOLE;
  return download.fromNothing ? maskOf(slots) : 0;
}

/** Whether its image may stand at its name: a commit runs, or failed somewhere and is done again. */
export function commitOf(download: Download | undefined): "running" | "failed" | null {
  if (download?.phase.kind === "committing") return "running";
  return download?.phase.kind === "resting" && download.phase.again === "commit" ? "failed" : null;
}

export function hasStored(download: Download, block: number): boolean {
  return ((download.stored[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
}

/** The slot of a block, or null when it is not one of those to fetch. */
export function slotOf({ blocks }: Download, block: number): number | null {
  let low = 0;
  let high = blocks.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = blocks[middle] ?? 0;
    if (found === block) return middle;
    if (found < block) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}
