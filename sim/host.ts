/**
 * One computer: a disk that outlives its processes, clocks, a line to the network, and at most one process, which is a
 * machine behind the driver of production.
 *
 *   down --start--> running <--pause, resume--> paused        running, paused --crash, stop--> down
 *
 * A crash is a power cut, which takes what the disk had not made durable, or the end of the process alone.
 */
import { createDriver, type Driver } from "../adapters/driver.ts";
import type { Machine, Ports, Signer } from "../adapters/port.ts";
import { assert } from "../kernel/assert.ts";
import type { TraceFields } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { Address, Now } from "../kernel/ids.ts";
import { below } from "../kernel/prng.ts";
import type { Report } from "../kernel/report.ts";
import type { FsCall } from "../kernel/storage/call.ts";
import { createClock, type HostClock } from "./clock.ts";
import type { Crypto } from "./crypto.ts";
import { type CrashModel, createSimDisk, type SimDisk } from "./disk.ts";
import type { Draws } from "./draw.ts";
import { MachineFailure } from "./failure.ts";
import type { LinkTable } from "./links.ts";
import type { Network, Station } from "./network.ts";
import { createSimStorage, type ProgramOf, type SimStorage } from "./storage.ts";
import { printMoment, type Trace } from "./trace.ts";

/** What a process is told when it begins. */
export type Start = {
  readonly host: string;
  /** Of this host and this process: no two processes of a world have the same. */
  readonly seed: string;
  readonly now: Now;
};

export type Process = {
  readonly machine: Machine;
  readonly programOf: ProgramOf;
  /** Fed before anything else, as the main program of production does. */
  readonly events: readonly Event[];
  /** Answers `http_get` of others. */
  readonly page?: (path: string) => Uint8Array | null;
  /** The signatures of a payload by every key of its user. */
  readonly sign?: (payload: Uint8Array) => readonly Uint8Array[];
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

/** `kept`: the process is killed and the machine is not. */
export type Crash = CrashModel | "kept";

/** What an observer is told; it must not change anything. */
export type Observer = {
  readonly performed?: (host: Host, call: FsCall) => void;
  readonly traced?: (host: Host, mark: string, fields: TraceFields) => void;
  readonly reported?: (host: Host, report: Report) => void;
  readonly crashed?: (host: Host) => void;
  /** A process has ended by itself. */
  readonly stopped?: (host: Host) => void;
};

export type Host = {
  readonly name: string;
  readonly station: Station;
  readonly disk: SimDisk;
  readonly clock: HostClock;
  state(): "down" | "running" | "paused";
  machine(): Machine | null;
  start(): void;
  crash(how: Crash): void;
  pause(): void;
  resume(): void;
  feed(event: Event): void;
  /** How many times slower than usual the disk is, from here on. */
  setSlowness(factor: number): void;
};

export type Surroundings = {
  readonly network: Network;
  readonly links: LinkTable;
  readonly draws: Draws;
  readonly seed: string;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly observer: Observer;
};

type Life = { readonly driver: Driver; readonly storage: SimStorage; readonly process: Process };

const DIGEST_MICROS_MIN = 20;
const VERIFY_MICROS = 150; // one Ed25519 verification
const SIGN_MICROS = 60; // one signature
const AGENT_MICROS_MAX = 5_000; // the way to an agent and back

export function createHost(spec: HostSpec, around: Surroundings): Host {
  const { network, links, draws, crypto, trace, observer } = around;
  const { timeline } = network;
  const { name } = spec;
  const disk = createSimDisk(spec.disk);
  const clock = createClock(timeline);
  let life: Life | null = null;
  let lives = 0;
  let ready = false;
  let paused = false;
  let slowness = 1;
  let held: (() => void)[] = [];

  const station = network.attach(name, spec.address, spec.listens, {
    datagram: (from, bytes) => hear({ kind: "datagram", from, bytes }),
    opened: (conn, address, side) => hear({ kind: "conn_open", conn, address, side }),
    frame: (conn, bytes) => hear({ kind: "frame", conn, bytes }),
    closed: (conn, why) => hear({ kind: "conn_closed", conn, why }),
    page: (path) => life?.process.page?.(path) ?? null,
  });

  function hear(event: Event): void {
    whenRunning(() => life?.driver.feed(event));
  }

  /** Now, or when the pause ends; never in another process than the one it is meant for. */
  function whenRunning(run: () => void): void {
    if (life === null) return;
    if (paused) held.push(run);
    else run();
  }

  /** Calls back into this process only. */
  function later(delay: number, run: () => void): void {
    const mine = lives;
    timeline.after(delay, () => {
      if (mine === lives) whenRunning(run);
    });
  }

  /** Counts and hashes what the machine does, and says where it was when it throws. */
  function watched(machine: Machine): Machine {
    return {
      step(event, now) {
        try {
          const effects = machine.step(event, now);
          trace.record(timeline.now(), name, event, effects);
          return effects;
        } catch (failure) {
          throw new MachineFailure(
            name,
            printMoment({ step: trace.steps() + 1, time: timeline.now(), host: name, event, effects: [] }),
            failure,
          );
        }
      },
      wakeAt: () => machine.wakeAt(),
    };
  }

  function portsOf(storage: SimStorage, { sign }: Process): Ports {
    const mine = lives;
    return {
      clock: {
        now: () => clock.now(),
        setAlarm(at, ring) {
          if (mine !== lives) return;
          clock.setAlarm(at, () => {
            if (mine === lives) whenRunning(ring);
          });
        },
      },
      datagrams: { send: (to, bytes) => network.send(station, to, bytes) },
      links: {
        dial: (conn, address) => links.dial(station, conn, address),
        send: (conn, bytes) => links.send(station, conn, bytes),
        close: (conn) => links.close(station, conn),
      },
      storage: {
        run: (request, done) =>
          storage.run(request, (result) => {
            if (mine === lives) whenRunning(() => done(result));
          }),
      },
      digester: {
        digest: (bytes, done) =>
          later(DIGEST_MICROS_MIN + (bytes.length >> 9), () => done(crypto.digest(bytes))),
      },
      verifier: {
        verify: (checks, done) =>
          later(VERIFY_MICROS * checks.length, () => done(checks.map((each) => crypto.verify(each)))),
      },
      names: {
        resolve: (host, done) =>
          network.resolve(station, host, (addresses) => {
            if (mine === lives) whenRunning(() => done(addresses));
          }),
      },
      pages: {
        get: (address, path, done) =>
          network.getPage(station, address, path, (body) => {
            if (mine === lives) whenRunning(() => done(body));
          }),
      },
      tracer: { trace: (mark, fields) => observer.traced?.(host, mark, fields) },
      ready: listen,
      failed: stop,
      ...(sign === undefined ? {} : { signer: signerOf(sign) }),
      reporter: { report: (report) => observer.reported?.(host, report) },
      stopped: stop,
    };
  }

  function signerOf(sign: NonNullable<Process["sign"]>): Signer {
    return {
      sign(payloads, done) {
        const asked = below(draws.next("sign", name), AGENT_MICROS_MAX);
        later(asked + SIGN_MICROS * payloads.length, () => done(payloads.map((payload) => sign(payload))));
      },
    };
  }

  function listen(): void {
    ready = true;
    network.setState(station, "up");
  }

  function stop(): void {
    later(0, () => {
      end("kept");
      observer.stopped?.(host);
    });
  }

  function end(how: Crash): void {
    assert(life !== null, "only a process that runs ends");
    life.storage.kill();
    life = null;
    lives += 1;
    ready = false;
    paused = false;
    held = [];
    clock.boot();
    // The state first: others learn of the end as the machine can still tell it.
    links.drop(station);
    network.setState(station, how === "kept" ? "closed" : "off");
    if (how === "kept") return disk.kill();
    const stream = draws.next("crash", name);
    disk.crash((bound) => below(stream, bound), how);
    observer.crashed?.(host);
  }

  const host: Host = {
    name,
    station,
    disk,
    clock,
    state: () => (life === null ? "down" : paused ? "paused" : "running"),
    machine: () => life?.process.machine ?? null,
    start() {
      if (life !== null) return;
      lives += 1;
      clock.boot();
      const now = clock.now();
      const seed = `${around.seed}/${name}/${lives}`;
      const process = spec.boot({ host: name, seed, now });
      const storage = createSimStorage({
        host: name,
        timeline,
        draws,
        disk,
        programOf: process.programOf,
        performed: (call) => observer.performed?.(host, call),
      });
      storage.setSlowness(slowness);
      const driver = createDriver(watched(process.machine), portsOf(storage, process));
      life = { driver, storage, process };
      trace.note(timeline.now(), `start ${name}`);
      if (process.listens === "at_once") listen();
      else network.setState(station, "closed");
      for (const event of process.events) driver.feed(event);
      driver.feed({ kind: "wake" });
    },
    crash(how) {
      if (life === null) return;
      trace.note(timeline.now(), `crash ${name} ${how}`);
      end(how);
    },
    pause() {
      if (life === null || paused) return;
      trace.note(timeline.now(), `pause ${name}`);
      paused = true;
      life.storage.setPaused(true);
      if (ready) network.setState(station, "paused");
    },
    resume() {
      if (life === null || !paused) return;
      trace.note(timeline.now(), `resume ${name}`);
      paused = false;
      life.storage.setPaused(false);
      if (ready) network.setState(station, "up");
      for (const run of held.splice(0)) later(0, run);
    },
    feed: hear,
    setSlowness(factor) {
      slowness = factor;
      life?.storage.setSlowness(factor);
    },
  };
  return host;
}
