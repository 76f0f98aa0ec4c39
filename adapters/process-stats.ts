/**
 * The `process` and `threads` members of `/status/`, as 0.6.12 has them: sizes in bytes, times in milliseconds, CPU in
 * percent and transfers a second, over the last two seconds; over ten when nobody has asked for a while, since a server
 * at rest should cost nothing. What the system does not tell is 0.
 */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, uptime } from "node:os";

const SAMPLE_MS = 2_000;
const UNASKED_SAMPLES = 5; // so many without a question, and only each fifth is taken
const UNASKED_EACH = 5;
const TICKS_A_SECOND = 100; // USER_HZ, the same on every Linux
const THREADS_MAX = 64;

export type ThreadUsage = {
  readonly cpu_usage: number;
  readonly system_cpu: number;
  readonly user_cpu: number;
};

export type ProcessStats = {
  /** Null during the first two seconds. */
  process(): Readonly<Record<string, number>> | null;
  threads(): Readonly<Record<string, ThreadUsage>>;
  close(): void;
};

type Sample = {
  readonly mono: number;
  readonly cpuUs: number;
  /** Busy milliseconds of all processors since the system started. */
  readonly systemMs: number;
  readonly io: ReadonlyMap<string, number>;
  readonly threads: ReadonlyMap<string, { readonly user: number; readonly system: number }>;
};

export function createProcessStats(sampleMs = SAMPLE_MS): ProcessStats {
  const startTime = Date.now() - Math.round(process.uptime() * 1000);
  let before: Sample | null = null;
  let last: Sample = sample();
  let unasked = 0;
  const timer = setInterval(() => {
    unasked += 1;
    if (unasked > UNASKED_SAMPLES && unasked % UNASKED_EACH !== 0) return;
    before = last;
    last = sample();
  }, sampleMs);
  timer.unref();

  return {
    process() {
      unasked = 0;
      if (before === null) return null;
      const ms = last.mono - before.mono;
      const memory = statusBytes();
      const cores = availableParallelism();
      const ownPercent = (last.cpuUs - before.cpuUs) / 10 / ms;
      const from = before.io;
      const rate = (name: string) =>
        Math.round((((last.io.get(name) ?? 0) - (from.get(name) ?? 0)) * 1000) / ms);
      return {
        timestamp: Date.now(),
        duration: Math.round(ms),
        start_time: startTime,
        system_uptime: Math.round(uptime() * 1000),
        global_cpu_usage: percent((last.systemMs - before.systemMs) * 100, ms),
        process_cpu_usage: round(ownPercent),
        gross_cpu_usage: round(ownPercent / cores),
        memory_rss: memory.get("VmRSS") ?? process.memoryUsage.rss(),
        memory_virtual: memory.get("VmSize") ?? 0,
        memory_swap: memory.get("VmSwap") ?? 0,
        memory_rss_peak: memory.get("VmHWM") ?? 0,
        memory_virtual_peak: memory.get("VmPeak") ?? 0,
        memory_swap_peak: 0,
        disk_read: rate("read_bytes"),
        disk_write: rate("write_bytes"),
        disk_cancelled: rate("cancelled_write_bytes"),
        io_read: rate("rchar"),
        io_write: rate("wchar"),
        io_read_ops: rate("syscr"),
        io_write_ops: rate("syscw"),
      };
    },
    threads() {
      const out: Record<string, ThreadUsage> = {};
      if (before === null) return out;
      const ms = last.mono - before.mono;
      for (const [name, now] of last.threads) {
        const then = before.threads.get(name);
        if (then === undefined) continue;
        const user = percent((now.user - then.user) * (1000 / TICKS_A_SECOND) * 100, ms);
        const system = percent((now.system - then.system) * (1000 / TICKS_A_SECOND) * 100, ms);
        out[name] = { cpu_usage: round(user + system), system_cpu: system, user_cpu: user };
      }
      return out;
    },
    close: () => clearInterval(timer),
  };
}

function sample(): Sample {
  const cpu = process.cpuUsage();
  return {
    mono: performance.now(),
    cpuUs: cpu.user + cpu.system,
    systemMs: cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0),
    io: numbersOf("/proc/self/io", 1),
    threads: threadTicks(),
  };
}

function statusBytes(): ReadonlyMap<string, number> {
  return numbersOf("/proc/self/status", 1024);
}

/** `Name: NUMBER [unit]` a line. */
function numbersOf(file: string, factor: number): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const line of readText(file).split("\n")) {
    const match = /^(\w+):\s*([0-9]+)/.exec(line);
    if (match !== null) out.set(match[1] ?? "", Number(match[2]) * factor);
  }
  return out;
}

function threadTicks(): Sample["threads"] {
  const out = new Map<string, { user: number; system: number }>();
  let ids: readonly string[];
  try {
    ids = readdirSync("/proc/self/task");
  } catch {
    return out;
  }
  for (const id of ids.slice(0, THREADS_MAX)) {
    // The name stands in parentheses and may hold any character, these too.
    const match = /^[0-9]+ \(([\s\S]*)\) (.*)/.exec(readText(`/proc/self/task/${id}/stat`));
    if (match === null) continue;
    const fields = (match[2] ?? "").split(" ");
    const name = Number(id) === process.pid ? "main" : `${match[1] ?? ""}-${id}`;
    out.set(name, { user: Number(fields[11]), system: Number(fields[12]) });
  }
  return out;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function percent(part: number, whole: number): number {
  return round(part / whole);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
