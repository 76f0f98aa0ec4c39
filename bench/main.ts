/**
 * Ours against the tools that people would use instead, as whole processes on one machine, in one run:
 *
 *   npm run bench [-- --repeat N] [--only CASE] [--small]
 *
 * Prints medians, spread, ratios, CPU and peak memory; asserts nothing. Every tool ends when the copy is durable
 * (`sync -f`, `--fsync`, or ours by itself), except where the name says otherwise.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpus, release, tmpdir, totalmem } from "node:os";
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { newKeyPair } from "../adapters/keys/pair.ts";

const CLIENT = "dist/adapters/cli/main.js";
const SERVER = "dist/adapters/daemon/main.js";
const PORT = 24_790;
const GIB = 1024 * 1024 * 1024;

type Run = { readonly seconds: number; readonly cpuSeconds: number };
type Tool = { readonly name: string; readonly run: (source: string, target: string) => Promise<Run> };
type Case = {
  readonly name: string;
  readonly make: (folder: string) => void;
  /** Changes a part of the tree; the second figure is of the copy after that. */
  readonly change: ((folder: string) => void) | null;
};

const USAGE = `npm run bench [-- OPTIONS]
  --repeat N     rounds, 3 by default
  --only TEXT    cases with this in their name alone
  --small        a twentieth of each case, to see that it works
`;

function refuse(what: string): never {
  process.stderr.write(`bench: ${what}\n${USAGE}`);
  process.exit(64);
}

function readOptions(): { readonly repeat: number; readonly only: string; readonly small: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        repeat: { type: "string", default: "3" },
        only: { type: "string", default: "" },
        small: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (!/^[1-9][0-9]{0,2}$/.test(values.repeat)) refuse(`--repeat ${values.repeat} is no number of rounds`);
    return { ...values, repeat: Number(values.repeat) };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const options = readOptions();
const { repeat } = options;
const scale = options.small ? 20 : 1;

/** Bytes that do not compress and differ from file to file. */
function fill(buffer: Buffer, seed: number): Buffer {
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at + 4 <= buffer.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    buffer.writeUInt32LE(state, at);
  }
  return buffer;
}

function makeSmallFiles(folder: string, count: number): void {
  for (let file = 0; file < count; file++) {
    const dir = join(folder, `d${Math.floor(file / 200)}`);
    if (file % 200 === 0) mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, `f${file}`), fill(Buffer.alloc(4096), file));
  }
}

function makeLargeFile(folder: string, bytes: number): void {
  const fd = openSync(join(folder, "large"), "w");
  for (let at = 0; at < bytes; at += 1 << 20) writeSync(fd, fill(Buffer.alloc(1 << 20), at >>> 20));
  closeSync(fd);
}

const cases: readonly Case[] = [
  {
    name: `${20_000 / scale} files of 4 KiB`,
    make: (folder) => makeSmallFiles(folder, 20_000 / scale),
    change: (folder) => {
      for (let file = 0; file < 20_000 / scale; file += 100) {
        writeFileSync(
          join(folder, `d${Math.floor(file / 200)}`, `f${file}`),
          fill(Buffer.alloc(4096), file + 7_000_000),
        );
      }
    },
  },
  {
    name: `one file of ${1024 / scale} MiB`,
    make: (folder) => makeLargeFile(folder, GIB / scale),
    change: null,
  },
];

function cpuOfChildren(): number {
  // Of all children that have ended.
  const [user, system] =
    readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ").slice(13, 15).map(Number) ?? [];
  return ((user ?? 0) + (system ?? 0)) / 100;
}

function shell(command: string): Run {
  const before = cpuOfChildren();
  const start = performance.now();
  const done = spawnSync("sh", ["-c", command], { stdio: ["ignore", "ignore", "pipe"] });
  const seconds = (performance.now() - start) / 1000;
  if (done.status !== 0)
    throw new Error(`${command}: status ${done.status}: ${done.stderr.toString().slice(0, 500)}`);
  return { seconds, cpuSeconds: cpuOfChildren() - before };
}

function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

function peersOf(): readonly Tool[] {
  const tools: Tool[] = [
    {
      name: "cp -r, sync -f",
      run: async (source, target) => shell(`cp -r ${source} ${target} && sync -f ${target}`),
    },
    {
      name: "tar pipe, sync -f",
      run: async (source, target) =>
        shell(`mkdir -p ${target} && tar -C ${source} -cf - . | tar -C ${target} -xf - && sync -f ${target}`),
    },
  ];
  if (!has("rsync")) return tools;
  return [
    ...tools,
    {
      name: "rsync -a, sync -f",
      run: async (source, target) => shell(`rsync -a ${source}/ ${target}/ && sync -f ${target}`),
    },
    {
      name: "rsync -a --fsync",
      run: async (source, target) => shell(`rsync -a --fsync ${source}/ ${target}/`),
    },
  ];
}

/** One daemon with an empty disk. */
class Server {
  readonly folder: string;
  readonly child: ChildProcess;
  cpuBefore = 0;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder);
    const keys = newKeyPair();
    writeFileSync(join(this.folder, "key"), keys.private, { mode: 0o600 });
    for (const each of ["config/configs", "db", "site"])
      mkdirSync(join(this.folder, each), { recursive: true });
    writeFileSync(join(this.folder, "config/master.key"), `${keys.public}\n`);
    writeFileSync(
      join(this.folder, "config/configs/site.yaml"),
      `directory: ${join(this.folder, "site")}\nappend-only: false\nnum-levels: 1\n`,
    );
    const args = [
      SERVER,
      "-c",
      join(this.folder, "config"),
      "--db-dir",
      join(this.folder, "db"),
      "--host",
      "127.0.0.1",
    ];
    args.push(
      "--port",
      String(PORT),
      "--override-machine-id",
      "ab".repeat(16),
      "--override-hostname",
      "bench",
    );
    this.child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] });
  }

  async ready(): Promise<void> {
    for (let attempt = 0; attempt < 500; attempt++) {
      try {
        await fetch(`http://127.0.0.1:${PORT}/status/`);
        return;
      } catch {
        await new Promise((done) => {
          setTimeout(done, 20);
        });
      }
    }
    throw new Error("the daemon does not answer");
  }

  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  peakMiB(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }

  upload(source: string): Run {
    const before = this.cpuSeconds();
    const key = join(this.folder, "key");
    const command = `node ${CLIENT} --port ${PORT} sync -i ${key} --replace ${source}:/site/current 127.0.0.1 >/dev/null 2>&1`;
    const run = shell(command);
    return { seconds: run.seconds, cpuSeconds: run.cpuSeconds + this.cpuSeconds() - before };
  }

  close(): void {
    this.child.kill("SIGKILL");
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

type Figures = Map<string, Run[]>;

function note(figures: Figures, name: string, run: Run): void {
  figures.set(name, [...(figures.get(name) ?? []), run]);
}

function print(title: string, figures: Figures, ours: string): void {
  process.stdout.write(`\n${title}\n`);
  const own = figures.get(ours) ?? [];
  for (const [name, runs] of figures) {
    const seconds = runs.map((run) => run.seconds);
    // Ratios within one repetition: what disturbs one tool disturbs its neighbour.
    const ratio = median(own.map((run, at) => run.seconds / (seconds[at] ?? Number.NaN)));
    const spread = `${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)}`;
    const cpu = median(runs.map((run) => run.cpuSeconds)).toFixed(2);
    const line = [
      name.padEnd(24),
      median(seconds).toFixed(2).padStart(8),
      spread.padStart(13),
      cpu.padStart(8),
    ];
    process.stdout.write(`  ${line.join("  ")}  ${name === ours ? "" : `ours is ${ratio.toFixed(2)} x`}\n`);
  }
}

const OURS = "ciruela sync";
const chosen = cases.filter(({ name }) => name.includes(options.only));
if (chosen.length === 0)
  refuse(`--only ${options.only}: there are ${cases.map(({ name }) => name).join("; ")}`);
process.stdout.write(
  `${cpus().length} cores, ${Math.round(totalmem() / GIB)} GiB, Linux ${release()}, Node ${process.version}; files cached; ` +
    `medians of ${repeat}: tool, seconds, min-max, CPU seconds of all processes\n`,
);
for (const each of chosen) await measure(each);

/**
 * Every round has targets and a server of its own: a server that has the content under another path would link it.
 * Nothing is deleted before the end, because ext4 is slow to create files for half a minute after many were deleted.
 */
async function measure(each: Case): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "ciruela-bench-"));
  const cold: Figures = new Map();
  const warm: Figures = new Map();
  let peakMiB = 0;
  try {
    const source = join(work, "source");
    mkdirSync(source);
    each.make(source);
    const before = join(work, "before");
    if (each.change !== null) cpSync(source, before, { recursive: true });
    spawnSync("sync");
    for (let round = 0; round < repeat; round++) {
      if (round > 0 && each.change !== null) restore(before, source);
      for (const [at, tool] of peersOf().entries()) {
        note(cold, tool.name, await tool.run(source, join(work, `cold-${round}-${at}`)));
      }
      const server = new Server(join(work, `server-${round}`));
      try {
        await server.ready();
        note(cold, OURS, server.upload(source));
        if (each.change !== null) {
          each.change(source);
          for (const [at, tool] of peersOf().entries()) {
            if (!tool.name.startsWith("rsync")) continue;
            note(warm, tool.name, await tool.run(source, join(work, `cold-${round}-${at}`)));
          }
          note(warm, OURS, server.upload(source));
        }
        peakMiB = Math.max(peakMiB, server.peakMiB());
      } finally {
        server.close();
      }
    }
    print(`${each.name}: first copy`, cold, OURS);
    if (each.change !== null) print(`${each.name}: after a change of 1 %`, warm, OURS);
    process.stdout.write(`  daemon's peak memory: ${peakMiB} MiB\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Puts the files of one tree over those of another of the same names, with new times. */
function restore(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
}
