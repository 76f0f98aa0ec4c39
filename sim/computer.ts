/** What a computer of a world is made of, what can be done to it, and who watches. */
import type { Machine } from "../adapters/port.ts";
import type { Effect, TraceFields } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { Address, ConnId, Now, OpId } from "../kernel/ids.ts";
import type { Report } from "../kernel/report.ts";
import type { FsCall } from "../kernel/storage/call.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";
import type { HostClock } from "./clock.ts";
import type { Crypto } from "./crypto.ts";
import type { CrashModel, DiskImage, SimDisk } from "./disk.ts";
import type { Station } from "./network.ts";
import type { Known } from "./state-digest.ts";
import type { ProgramOf } from "./storage.ts";

/** What a process is told when it begins. */
export type Start = {
  readonly host: string;
  /** Of this host and this process: no two processes of a world have the same. */
  readonly seed: string;
  readonly now: Now;
  readonly crypto: Crypto;
};

export type Process = {
  readonly machine: Machine;
  readonly programOf: ProgramOf;
  /** Fed before anything else, as the main program of production does. */
  readonly events: readonly Event[];
  /** Answers `http_get` of others. */
  readonly page?: (path: string) => Uint8Array | null;
  /** All that it knows, for who looks on; not to be changed. */
  readonly inspect?: () => object;
  /** Fields of it whose maps and sets are in no order; none, unless it says so. */
  readonly bags?: Known["bags"];
  /** The signatures of a payload by every key of its user. */
  readonly sign?: (payload: Uint8Array) => readonly Uint8Array[];
  /** Has it asked a peer for a listing, and waits? */
  readonly isReconciling?: () => boolean;
  /** Can it be reached from the start, or from the effect `ready` on? */
  readonly listens: "at_once" | "when_ready";
};

export type HostSpec = {
  readonly name: string;
  readonly address: Address;
  /** False for a client. */
  readonly listens: boolean;
  /** What a power cut leaves of directories; `weak` is what `ordered` is and more. */
  readonly disk: CrashModel;
  readonly boot: (start: Start) => Process;
};

/**
 * `kept`: the process is killed and the machine is not. `empty`, `old`, a host's name: the power is cut, and the disk is
 * replaced by an empty one, by its own copy of an earlier time, or by a copy of another server's.
 */
export type Crash = CrashModel | "kept" | { readonly disk: DiskImage | null; readonly name: string };

/** What an observer is told; it must not change anything. */
export type Observer = {
  /** A process begins. */
  readonly started?: (host: Host) => void;
  /** Its machine was told something, and wants something. */
  readonly stepped?: (host: Host, event: Event, effects: readonly Effect[]) => void;
  readonly performed?: (host: Host, call: FsCall, request: DiskRequest["kind"], op: OpId) => void;
  /** What it is about may be something else now. */
  readonly changed?: (host: Host) => void;
  /** One event made it send several packets to one address. */
  readonly repeated?: (host: Host) => void;
  readonly traced?: (host: Host, mark: string, fields: TraceFields) => void;
  readonly reported?: (host: Host, report: Report) => void;
  readonly crashed?: (host: Host) => void;
  /** Its disk is another one. */
  /** `disk` as in `Crash`: of whom it is, or `old` or `empty`. */
  readonly replaced?: (host: Host, disk: string) => void;
  /** A process has ended by itself. */
  readonly stopped?: (host: Host) => void;
};

/** What a server that lies does with what it reads, and with what comes and goes. It sends by itself. */
export type Tamper = {
  read(request: DiskRequest, result: DiskResult): DiskResult;
  datagramIn(bytes: Uint8Array): void;
  frameIn(conn: ConnId, bytes: Uint8Array): void;
  datagramOut(bytes: Uint8Array, to: Address): void;
  frameOut(bytes: Uint8Array, conn: ConnId, sent: (() => void) | undefined): void;
};

export type Host = {
  readonly name: string;
  readonly station: Station;
  readonly disk: SimDisk;
  readonly clock: HostClock;
  state(): "down" | "running" | "paused";
  machine(): Machine | null;
  /** What its process knows; null while none runs. */
  inspect(): object | null;
  /** The same, and which of it is in no order. */
  known(): Known | null;
  start(): void;
  crash(how: Crash): void;
  pause(): void;
  resume(): void;
  feed(event: Event): void;
  setTamper(tamper: Tamper): void;
  /** How many times slower than usual the disk is, from here on. */
  setSlowness(factor: number): void;
  /** The next call of this name, or any (`*`), takes so many microseconds more; `met` is called when it comes. */
  hang(call: FsCall["call"] | "*", micros: number, met: () => void): void;
  /** Calls that would hang do not. */
  unhang(): void;
  /** Kinds of what its disk has to do. */
  requests(): ReadonlySet<DiskRequest["kind"]>;
  isConnecting(): boolean;
  isReconciling(): boolean;
};
