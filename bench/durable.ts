/**
 * What it costs that nothing acknowledged is lost: many small images, each of one file, to one server.
 *
 *   npx tsx bench/durable.ts [IMAGES]
 *
 * Beside it, in the same run, the least that a disk can do for as many: a file written aside and synced, renamed, and
 * its directory synced, one after the other and several at once. Prints, and asserts nothing.
 */
import { spawn } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "../test/adapters/built.ts";
import { type Ended, plant, Rig } from "../test/e2e/rig.ts";

const [asked = "200"] = process.argv.slice(2);
if (!/^[1-9][0-9]{0,4}$/.test(asked)) {
  process.stderr.write(`bench: ${asked} is no number of images from 1 to 99999\n`);
  process.exit(64);
}
const images = Number(asked);
const THREADS = [1, 2, 4, 8];
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Files made durable in one folder, by their number and their new content. Runs in a worker too. */
function makeDurable(folder: string, first: number, end: number): void {
  mkdirSync(folder, { recursive: true });
  const dir = openSync(folder, "r");
  for (let at = first; at < end; at++) {
    const aside = join(folder, `.tmp.${at}`);
    const file = openSync(aside, "wx");
    writeSync(file, `content ${at}`);
    fsyncSync(file);
    closeSync(file);
    renameSync(aside, join(folder, String(at)));
    fsyncSync(dir);
  }
  closeSync(dir);
}

const WORKER = `
const { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } = require("node:fs");
const { join } = require("node:path");
const { workerData } = require("node:worker_threads");
(${makeDurable.toString()})(workerData.folder, workerData.first, workerData.end);
`;

/** Seconds for all images by so many threads, each in a folder of its own. */
async function secondsOfDisk(folder: string, threads: number): Promise<number> {
  const before = performance.now();
  const each = Math.ceil(images / threads);
  await Promise.all(
    Array.from({ length: threads }, (_, nth) => {
      const workerData = {
        folder: join(folder, `limit-${threads}-${nth}`),
        first: nth * each,
        end: Math.min(images, (nth + 1) * each),
      };
      const worker = new Worker(WORKER, { eval: true, workerData });
      return new Promise((done, fail) => worker.once("exit", done).once("error", fail));
    }),
  );
  return (performance.now() - before) / 1_000;
}

/** Seconds of one client that brings all images at once. */
async function secondsOfUploads(rig: Rig, name: string): Promise<number> {
  const words = Array.from({ length: images }, (_, at) => {
    const source = plant(rig.path(`source-${at}`), { file: `content ${at}` });
    return ["--append", `${source}:/site/${name}-${at}`];
  });
  const before = performance.now();
  const sent: Ended = await rig.sync(...words.flat(), rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
  return (performance.now() - before) / 1_000;
}

/** System calls that wait for the disk, of a process, while something goes on. */
async function syncsOf(pid: number, file: string, during: () => Promise<unknown>): Promise<number | null> {
  const words = ["-f", "-qq", "-p", String(pid), "-e", "trace=fsync,fdatasync,syncfs", "-o", file];
  const strace = spawn("strace", words, { stdio: ["ignore", "ignore", "inherit"] });
  const absent = new Promise<boolean>((done) => {
    strace.once("error", () => done(true));
    strace.once("spawn", () => setTimeout(() => done(false), 1_000));
  });
  if (await absent) {
    say("strace is not here: syncs are not counted (apt-get install strace)");
    return null;
  }
  const ended = new Promise((done) => strace.once("close", done));
  await during();
  strace.kill("SIGINT");
  await ended;
  return readFileSync(file, "utf8").match(/ (fsync|fdatasync|syncfs)\(/g)?.length ?? 0;
}

await build();
const rig = await Rig.create("127.0.98");
try {
  say(`${images} images of one file`);
  say("| threads | uploads: s | a second | disk alone: s | ratio |");
  for (const threads of THREADS) {
    const disk = await secondsOfDisk(rig.folder, threads);
    rig.configure(1, [1]);
    await rig.start(1, "--disk-threads", String(threads));
    const seconds = await secondsOfUploads(rig, `t${threads}`);
    await rig.stop(1);
    const row = [threads, seconds.toFixed(2), (images / seconds).toFixed(0), disk.toFixed(2)];
    say(`| ${[...row, (seconds / disk).toFixed(1)].join(" | ")} |`);
  }
  await rig.start(1);
  const syncs = await syncsOf(rig.pidOf(1), rig.path("strace"), () => secondsOfUploads(rig, "counted"));
  if (syncs !== null) say(`syncs for an image: ${(syncs / images).toFixed(1)}`);
  await rig.stop(1);
} finally {
  await rig.close();
}
