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
import type { Effect } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { Address, ConnId } from "../kernel/ids.ts";
import { below, keyed } from "../kernel/prng.ts";
import type { FsCall } from "../kernel/storage/call.ts";
import { createClock } from "./clock.ts";
import type { Crash, Host, HostSpec, Observer, Process, Tamper } from "./computer.ts";
import type { Crypto } from "./crypto.ts";
import { createSimDisk } from "./disk.ts";
import type { Draws } from "./draw.ts";
import { MachineFailure } from "./failure.ts";
import type { LinkTable } from "./links.ts";
import type { Network } from "./network.ts";
import { disorder, type Known } from "./state-digest.ts";
import { createSimStorage, type SimStorage } from "./storage.ts";
import { printMoment, type Trace } from "./trace.ts";

export type Surroundings = {
  readonly network: Network;
  readonly links: LinkTable;
  readonly draws: Draws;
  readonly seed: string;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly observer: Observer;
  /** Above 0: bags in what machines know are put into another order before each event, which must change nothing. */
  readonly shuffle: number;
};

type Life = { readonly driver: Driver; readonly storage: SimStorage; readonly process: Process };

// Events of a process: so often what it knows goes into the trace. In a large cluster it knows more, and less often.
const STATE_EACH = 128;
const STATE_EACH_SERVER = 8;
const DIGEST_MICROS_MIN = 20;
const VERIFY_MICROS = 150; // one Ed25519 verification
const SIGN_MICROS = 60; // one signature
const AGENT_MICROS_MAX = 5_000; // the way to an agent and back

const NO_BAGS: Known["bags"] = new Set();

function knownOf({ inspect, bags = NO_BAGS }: Process): Known | null {
  return inspect === undefined ? null : { inspect, bags };
}

export function createHost(spec: HostSpec, around: Surroundings): Host {
  const { network, links, draws, crypto, trace, observer } = around;
  const { timeline } = network;
  const { name } = spec;
  const disk = createSimDisk(spec.disk, crypto);
  const clock = createClock(timeline);
  let life: Life | null = null;
  let lives = 0;
  let ready = false;
  let paused = false;
  let slowness = 1;
  let held: (() => void)[] = [];
  let hangs: { readonly call: FsCall["call"] | "*"; readonly micros: number; readonly met: () => void }[] =
    [];
  const dialling = new Set<ConnId>();
  // Effects that the machine has asked for, and those that the driver has performed.
  let tamper: Tamper | null = null;
  let wanted = 0;
  let performed = 0;
  // Events that the machine has taken, and alarms that the driver has set after them.
  let steps = 0;
  let alarms = 0;

  const station = network.attach(name, spec.address, spec.listens, {
    datagram(from, bytes) {
      tamper?.datagramIn(bytes);
      hear({ kind: "datagram", from, bytes });
    },
    opened(conn, address, side) {
      dialling.delete(conn);
      hear({ kind: "conn_open", conn, address, side });
    },
    frame(conn, bytes) {
      tamper?.frameIn(conn, bytes);
      hear({ kind: "frame", conn, bytes });
    },
    closed(conn, why) {
      dialling.delete(conn);
      hear({ kind: "conn_closed", conn, why });
    },
    page: (path) => life?.process.page?.(path) ?? null,
  });

  function hear(event: Event): void {
    whenRunning(() => life?.driver.feed(event));
  }

  /** Now, or when the pause ends; never in another process than the one it is meant for. */
  function whenRunning(run: () => void): void {
    if (life === null) return;
    if (!paused) return atOnce(run);
    const cause = timeline.cause();
    held.push(() => {
      timeline.setCause(cause);
      run();
    });
  }

  /**
   * The driver gives an event to the machine, performs all its effects and sets the alarm before it returns; one that
   * waits for anything in between parts runs.
   */
  function atOnce(run: () => void): void {
    const mine = life;
    const before = steps;
    const alarmsBefore = alarms;
    run();
    if (wanted !== performed) throw leftForLater(`${wanted - performed} effects were`);
    if (mine === null || mine !== life) return;
    if (steps === before) throw leftForLater("an event was");
    if (alarms === alarmsBefore) throw leftForLater("the alarm was");
  }

  function leftForLater(what: string): MachineFailure {
    const [last] = trace.recent().slice(-1);
    const where = last === undefined ? "before the first event of all" : printMoment(last);
    return new MachineFailure(name, where, new Error(`invariant broken: ${what} left for later`));
  }

  function counted<A extends readonly unknown[]>(run: (...given: A) => void): (...given: A) => void {
    return (...given) => {
      performed += 1;
      run(...given);
    };
  }

  /** Calls back into this process only. */
  function later(delay: number, run: () => void): void {
    const mine = lives;
    timeline.after(delay, () => {
      if (mine === lives) whenRunning(run);
    });
  }

  function tried<T>(event: Event, run: () => T): T {
    try {
      return run();
    } catch (failure) {
      const moment = {
        step: trace.steps() + 1,
        time: timeline.now(),
        host: name,
        event,
        effects: [],
        cause: 0,
        id: 0,
      };
      throw new MachineFailure(name, printMoment(moment), failure);
    }
  }

  /** Counts and hashes what the machine does, and says where it was when it throws. */
  function watched(process: Process): Machine {
    const { machine } = process;
    const known = knownOf(process);
    const order = keyed("disorder", String(around.shuffle), name);
    let untold = 0;
    return {
      step(event, now) {
        if (around.shuffle > 0 && known !== null) disorder(known, order);
        const effects = tried(event, () => machine.step(event, now));
        steps += 1;
        untold += 1;
        const due = untold >= Math.max(STATE_EACH, STATE_EACH_SERVER * network.size());
        if (due) untold = 0;
        trace.record(name, event, effects, known, due);
        wanted += effects.length;
        observer.changed?.(host);
        if (effects.length > 1 && repeats(effects)) observer.repeated?.(host);
        observer.stepped?.(host, event, effects);
        return effects;
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
          alarms += 1;
          clock.setAlarm(at, () => {
            if (mine === lives) whenRunning(ring);
          });
        },
      },
      datagrams: {
        send: counted((to, bytes) => {
          if (tamper === null) network.send(station, to, bytes);
          else tamper.datagramOut(bytes, to);
        }),
      },
      links: {
        dial: counted((conn, address) => {
          dialling.add(conn);
          links.dial(station, conn, address);
          observer.changed?.(host);
        }),
        send: counted((conn, bytes, sent) => {
          const told = sent === undefined ? undefined : () => mine === lives && whenRunning(sent);
          if (tamper === null) links.send(station, conn, bytes, told);
          else tamper.frameOut(bytes, conn, told);
        }),
        close: counted((conn) => links.close(station, conn)),
      },
      storage: {
        run: counted((request, done) =>
          storage.run(request, (result) => {
            if (mine === lives) whenRunning(() => done(tamper?.read(request, result) ?? result));
          }),
        ),
      },
      digester: {
        digest: counted((bytes, done) =>
          later(DIGEST_MICROS_MIN + (bytes.length >> 9), () => done(crypto.digest(bytes))),
        ),
      },
      verifier: {
        verify: counted((checks, done) =>
          later(VERIFY_MICROS * checks.length, () => done(checks.map((each) => crypto.verify(each)))),
        ),
      },
      names: {
        resolve: counted((host, done) =>
          network.resolve(station, host, (addresses) => {
            if (mine === lives) whenRunning(() => done(addresses));
          }),
        ),
      },
      pages: {
        get: counted((address, path, done) =>
          network.getPage(station, address, path, (body) => {
            if (mine === lives) whenRunning(() => done(body));
          }),
        ),
      },
      tracer: { trace: counted((mark, fields) => observer.traced?.(host, mark, fields)) },
      ready: counted(listen),
      failed: counted(stop),
      ...(sign === undefined ? {} : { signer: signerOf(sign) }),
      reporter: { report: counted((report) => observer.reported?.(host, report)) },
      stopped: counted(stop),
    };
  }

  function signerOf(sign: NonNullable<Process["sign"]>): Signer {
    return {
      sign: counted((payloads, done) => {
        const asked = below(draws.next("sign", name), AGENT_MICROS_MAX);
        later(asked + SIGN_MICROS * payloads.length, () => done(payloads.map((payload) => sign(payload))));
      }),
    };
  }

  function stallOf({ call }: FsCall): number {
    const found = hangs.find((each) => each.call === "*" || each.call === call);
    if (found === undefined) return 0;
    hangs = hangs.filter((each) => each !== found);
    found.met();
    return found.micros;
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
    dialling.clear();
    clock.boot();
    // The state first: others learn of the end as the machine can still tell it.
    links.drop(station);
    network.setState(station, how === "kept" ? "closed" : "off");
    observer.changed?.(host);
    if (how === "kept") return disk.kill();
    if (typeof how === "object") {
      disk.restore(how.disk);
      observer.replaced?.(host, how.name);
      return;
    }
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
    known: () => (life === null ? null : knownOf(life.process)),
    inspect: () => life?.process.inspect?.() ?? null,
    start() {
      if (life !== null) return;
      lives += 1;
      clock.boot();
      const now = clock.now();
      const seed = `${around.seed}/${name}/${lives}`;
      const process = spec.boot({ host: name, seed, now, crypto });
      const storage = createSimStorage({
        host: name,
        timeline,
        draws,
        disk,
        programOf: process.programOf,
        performed: (call, request, op) => observer.performed?.(host, call, request, op),
        stallOf,
        changed: () => observer.changed?.(host),
      });
      storage.setSlowness(slowness);
      const driver = createDriver(watched(process), portsOf(storage, process));
      life = { driver, storage, process };
      wanted = performed;
      trace.note(`start ${name}`, name);
      observer.started?.(host);
      if (process.listens === "at_once") listen();
      else network.setState(station, "closed");
      for (const event of process.events) atOnce(() => driver.feed(event));
      atOnce(() => driver.feed({ kind: "wake" }));
    },
    crash(how) {
      if (life === null) {
        if (typeof how !== "object") return;
        disk.restore(how.disk);
        return observer.replaced?.(host, how.name);
      }
      trace.note(`crash ${name} ${typeof how === "object" ? how.name : how}`, name);
      end(how);
    },
    pause() {
      if (life === null || paused) return;
      trace.note(`pause ${name}`, name);
      paused = true;
      life.storage.setPaused(true);
      if (ready) network.setState(station, "paused");
    },
    resume() {
      if (life === null || !paused) return;
      trace.note(`resume ${name}`, name);
      paused = false;
      life.storage.setPaused(false);
      if (ready) network.setState(station, "up");
      for (const run of held.splice(0)) later(0, run);
    },
    feed: hear,
    setTamper(next) {
      tamper = next;
    },
    hang(call, micros, met) {
      hangs.push({ call, micros, met });
    },
    unhang() {
      hangs = [];
    },
    requests: () => life?.storage.kinds() ?? new Set(),
    isConnecting: () => dialling.size > 0,
    isReconciling: () => life?.process.isReconciling?.() ?? false,
    setSlowness(factor) {
      slowness = factor;
      life?.storage.setSlowness(factor);
    },
  };
  return host;
}

/** Several packets for one address, one after the other: of the same news. */
function repeats(effects: readonly Effect[]): boolean {
  let before: Address | null = null;
  for (const each of effects) {
    if (each.kind !== "send_datagram") continue;
    if (each.to === before) return true;
    before = each.to;
  }
  return false;
}
