/**
 * What a cluster costs that has nothing to do: three servers with ten images, at rest.
 *
 *   npx tsx bench/idle.ts [SECONDS]
 *
 * Processor time is of the processes themselves, without anybody looking on; after that, for as long again, `strace`
 * counts datagrams and new connections. Prints, and asserts nothing.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { build } from "../test/adapters/built.ts";
import { plant, Rig, until } from "../test/e2e/rig.ts";

const SERVERS = [1, 2, 3];
const IMAGES = 10;
const SETTLE_MS = 15_000;
const TICKS_PER_SECOND = 100; // USER_HZ of Linux
const [seconds = 60] = process.argv.slice(2).map(Number);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Seconds of processor time that a process has had, in user mode and in the system. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+([0-9]+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
}

type Calls = { readonly datagrams: number; readonly connections: number; readonly accepted: number };

/** System calls of a process for a while. */
async function callsOf(pid: number, file: string): Promise<Calls> {
  const traced = "trace=sendmsg,sendmmsg,sendto,connect,accept4";
  const strace = spawn("strace", ["-f", "-qq", "-p", String(pid), "-e", traced, "-o", file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((done) => strace.once("close", done));
  strace.once("error", () => say("strace is not here: datagrams are not counted (apt-get install strace)"));
  await pause(seconds * 1_000);
  strace.kill("SIGINT");
  await ended;
  const lines = readFileSync(file, "utf8").split("\n");
  const count = (call: RegExp): number => lines.filter((line) => call.test(line)).length;
  return {
    datagrams: count(/ send(msg|mmsg|to)\(.*sin6?_port/),
    connections: count(/ connect\(.*sin6?_port/),
    accepted: count(/ accept4\(.*= [0-9]/),
  };
}

await build();
const rig = await Rig.create("127.0.61");
try {
  await rig.startAll(SERVERS.length);
  for (let at = 0; at < IMAGES; at++) {
    const source = plant(rig.path(`source-${at}`), { file: `content ${at}` });
    const sent = await rig.sync("--append", `${source}:/site/v${at}`, rig.addressOf(1));
    if (sent.status !== 0) throw new Error(sent.stderr);
  }
  await until("all have all", async () =>
    (await Promise.all(SERVERS.map((each) => rig.page(each)))).every(
      (page) => (page as { images: number }).images === IMAGES,
    ),
  );
  await pause(SETTLE_MS);
  const before = SERVERS.map((each) => ({
    cpu: cpuSecondsOf(rig.pidOf(each)),
    lines: rig.logOf(each).trimEnd().split("\n"),
  }));
  const started = performance.now();
  await pause(seconds * 1_000);
  const elapsed = (performance.now() - started) / 1_000;
  const after = SERVERS.map((each) => ({
    cpu: cpuSecondsOf(rig.pidOf(each)),
    lines: rig.logOf(each).trimEnd().split("\n"),
  }));
  const newLinesOf = (at: number): readonly string[] =>
    (after[at]?.lines ?? []).slice(before[at]?.lines.length ?? 0);
  for (const each of SERVERS) writeFileSync(rig.path(`calls-${each}`), "");
  const calls = await Promise.all(SERVERS.map((each) => callsOf(rig.pidOf(each), rig.path(`calls-${each}`))));
  say(
    `${SERVERS.length} servers at rest, ${IMAGES} images, ${elapsed.toFixed(0)} s and as long again with strace`,
  );
  say(`${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`);
  say("| Server | Datagrams/s | Connections made | taken | CPU of a core | Log lines | Resident |");
  say("| --- | --- | --- | --- | --- | --- | --- |");
  for (const [at, server] of SERVERS.entries()) {
    const { datagrams = 0, connections = 0, accepted = 0 } = calls[at] ?? {};
    const cpu = (((after[at]?.cpu ?? 0) - (before[at]?.cpu ?? 0)) / elapsed) * 100;
    const lines = newLinesOf(at).length;
    const rate = (datagrams / seconds).toFixed(1);
    const memory = residentMiB(rig.pidOf(server)).toFixed(0);
    say(
      `| ${server} | ${rate} | ${connections} | ${accepted} | ${cpu.toFixed(2)} % | ${lines} | ${memory} MiB |`,
    );
  }
  for (const at of SERVERS.keys()) for (const line of newLinesOf(at)) say(line);
} finally {
  await rig.close();
}
