/**
 * The ports: what a world must offer. Production implements them with sockets, descriptors and threads, the simulator
 * in memory; one contract suite holds both. No protocol decision is made behind a port.
 */
import type { Effect, SignatureCheck, TraceFields } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { Address, ConnId, Digest, MonoMs, Now } from "../kernel/ids.ts";
import type { Report } from "../kernel/report.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";

export type Clock = {
  now(): Now;
  /** One alarm: the newest call replaces the one before. */
  setAlarm(at: MonoMs, ring: () => void): void;
};

export type Datagrams = { send(to: Address, bytes: Uint8Array): void };

/** Framed, ordered byte messages. Openings, frames and ends come as events. */
export type Links = {
  dial(conn: ConnId, address: Address): void;
  /** `sent`: called when the frame has gone out, in the order of sending; not when the connection ends before. */
  send(conn: ConnId, bytes: Uint8Array, sent?: () => void): void;
  close(conn: ConnId): void;
};

/** Runs storage programs; each answer comes once, in any order. */
export type Storage = { run(request: DiskRequest, done: (result: DiskResult) => void): void };

export type Digester = { digest(bytes: Uint8Array, done: (digest: Digest) => void): void };

export type Verifier = {
  verify(checks: readonly SignatureCheck[], done: (holds: readonly boolean[]) => void): void;
};

export type Names = { resolve(name: string, done: (addresses: readonly Address[]) => void): void };

export type Pages = { get(address: Address, path: string, done: (body: Uint8Array | null) => void): void };

/** Signs with every key of the user. */
export type Signer = {
  sign(payloads: readonly Uint8Array[], done: (signatures: readonly (readonly Uint8Array[])[]) => void): void;
};

export type Reporter = { report(report: Report): void };

export type Tracer = { trace(mark: string, fields: TraceFields): void };

export type Ports = {
  readonly clock: Clock;
  readonly datagrams: Datagrams;
  readonly links: Links;
  readonly storage: Storage;
  readonly digester: Digester;
  readonly verifier: Verifier;
  readonly names: Names;
  readonly pages: Pages;
  readonly tracer: Tracer;
  /** Of an uploader alone: a server holds no private key and has no user. */
  readonly signer?: Signer;
  readonly reporter?: Reporter;
  /** Of a server alone: from now on others may connect, or never. Called once. */
  ready?(): void;
  failed?(code: string, detail: string): void;
  /** Called once, after `stopped`. */
  stopped(): void;
};

/** A node or an uploader, behind the boundary. */
export type Machine = {
  step(event: Event, now: Now): readonly Effect[];
  wakeAt(): MonoMs;
};
