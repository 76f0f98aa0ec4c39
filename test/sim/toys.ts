/** Machines of a few lines, to see what the simulated world does to any machine. */
import type { Machine } from "../../adapters/port.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, MonoMs, Now, OpId, VPath } from "../../kernel/ids.ts";
import type { FileName, RootName, StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import type { Host, HostSpec, Process } from "../../sim/computer.ts";
import type { World } from "../../sim/world.ts";

export const ROOT = "/db" as RootName;

export const NEVER = Infinity as MonoMs;
export const addressOf = (host: string): Address => `10.0.0.${host.slice(1)}:24783` as Address;
export const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text));
export const textOf = (of: Uint8Array): string => Buffer.from(of).toString();

export type Heard = { readonly at: Now; readonly event: Event };
export type Reaction = (event: Event, now: Now) => readonly Effect[];

/** Does what `react` says, keeps what it heard, and rings at `wakeAt`. */
export function toy(react: Reaction, heard: Heard[] = [], wakeAt: () => MonoMs = () => NEVER): Machine {
  return {
    step(event, now) {
      heard.push({ at: now, event });
      return react(event, now);
    },
    wakeAt,
  };
}

export function processOf(machine: Machine, more: Partial<Process> = {}): Process {
  return { machine, programOf: counterProgram, events: [], listens: "at_once", ...more };
}

/** `save_transfer` and `delete_old` add one to a number on disk; anything else reads it. Both answer its bytes. */
export function counterProgram(request: DiskRequest): StorageProgram<DiskResult> {
  return request.kind === "save_transfer" || request.kind === "delete_old" ? add() : answer();
}

const NAME = "count" as FileName;

function* add(): StorageProgram<DiskResult> {
  const root = yield* calls.root(ROOT);
  const old = yield* calls.unless("missing", calls.readWhole(root, NAME, 100));
  const next = Number(old === null ? 0 : textOf(old)) + 1;
  yield* calls.durableReplace(root, NAME, bytes(String(next)), "t");
  return { ok: true, value: { kind: "bytes", bytes: bytes(String(next)) } };
}

function* answer(): StorageProgram<DiskResult> {
  const root = yield* calls.root(ROOT);
  return { ok: true, value: { kind: "bytes", bytes: yield* calls.readWhole(root, NAME, 100) } };
}

const ZERO = { bytes: 0, blocks: 0 };
export const COUNT: DiskRequest = {
  kind: "save_transfer",
  transfer: { fetched: ZERO, reused: ZERO, linked: ZERO, served: ZERO },
};

/** The same with a path of its own to lock. */
export const countAt = (number: number): DiskRequest => ({
  kind: "delete_old",
  place: { path: `/key/${number}` as VPath, root: ROOT },
  stage: "s",
});

export const op = (number: number): OpId => number as OpId;

export function addToy(
  world: World,
  name: string,
  boot: HostSpec["boot"],
  more: Partial<HostSpec> = {},
): Host {
  const host = world.addHost({ name, address: addressOf(name), listens: true, disk: "weak", boot, ...more });
  host.disk.makeRoot(ROOT);
  return host;
}

export const ofKind = <K extends Event["kind"]>(heard: readonly Heard[], kind: K) =>
  heard.filter((each): each is { at: Now; event: Extract<Event, { kind: K }> } => each.event.kind === kind);
