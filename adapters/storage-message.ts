/**
 * What travels between the main thread and a storage thread. Blocks to be written lie in slots of shared memory: a
 * buffer that is made, moved and dropped for each costs the collector more than the block. Other bytes are moved, so
 * the sender of a message loses them: an index is copied once before, a result's bytes belong to its receiver alone.
 */
import type { OpId } from "../kernel/ids.ts";
import type { StorageProgram } from "../kernel/storage/call.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";

/** What `kernel/storage/program.ts` is to a thread: a module that makes one program of one request. */
export type ProgramModule = {
  programOf(request: DiskRequest, context: unknown): StorageProgram<DiskResult>;
};

/** Read once, when the thread starts. */
export type ThreadStart = {
  /** URL of a `ProgramModule` in JavaScript. */
  readonly program: string;
  /** Handed to each program; a plain value. */
  readonly context: unknown;
};

/** With the memory that all threads share. */
export type ThreadData = ThreadStart & { readonly slots: SharedArrayBuffer };

/** A block of the index format. */
export const SLOT_BYTES = 32_768;

export type Slot = { readonly at: number; readonly length: number };

export type ToThread = readonly {
  readonly op: OpId;
  readonly request: DiskRequest;
  /** Where the bytes of the request are, if not in it. */
  readonly slot: Slot | null;
}[];
/** The first, empty one says that the thread is ready. */
export type FromThread = readonly { readonly op: OpId; readonly result: DiskResult }[];

/** The request with bytes of its own, and the buffers that may now be moved. */
export function detachRequest(request: DiskRequest, moved: ArrayBuffer[]): DiskRequest {
  switch (request.kind) {
    case "write_block": {
      const bytes = new Uint8Array(request.bytes); // copies, also from a Buffer
      moved.push(bytes.buffer);
      return { ...request, bytes };
    }
    case "store_index": {
      const text = new Uint8Array(request.text);
      moved.push(text.buffer);
      return { ...request, text };
    }
    default:
      return request; // names and numbers; the tree of an uploader stays with it and is cloned
  }
}

/** The buffers of a result that move to its receiver. A small view into something large is cloned by itself instead. */
export function detachResult(result: DiskResult, moved: Set<ArrayBuffer>): DiskResult {
  if (!result.ok) return result;
  const value = Object.fromEntries(
    Object.entries(result.value).map(([name, member]) => [name, detachMember(member, moved)]),
  );
  return { ok: true, value: value as typeof result.value };
}

function detachMember(member: unknown, moved: Set<ArrayBuffer>): unknown {
  if (ArrayBuffer.isView(member)) return detachView(member, moved);
  if (typeof member !== "object" || member === null || !("kinds" in member)) return member;
  // A packed index or its body: flat arrays one level down.
  return Object.fromEntries(
    Object.entries(member).map(([name, inner]) => [
      name,
      ArrayBuffer.isView(inner) ? detachView(inner, moved) : inner,
    ]),
  );
}

function detachView(view: ArrayBufferView, moved: Set<ArrayBuffer>): ArrayBufferView {
  const whole = view.buffer;
  if (whole instanceof ArrayBuffer && view.byteLength * 2 >= whole.byteLength) {
    moved.add(whole);
    return view;
  }
  // A view of a pool or of a slab that others use: only its own bytes travel.
  if (view instanceof Uint8Array) return Uint8Array.from(view);
  return view;
}
