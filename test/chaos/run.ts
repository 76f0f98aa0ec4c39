/** One chaos run: quiet at first, then faults, then all is mended and must become alike. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { below, keyed, sample } from "../../kernel/prng.ts";
import { close, makeField, type Whole } from "./field.ts";
import type { Look } from "./judge.ts";
import type { Plant } from "./options.ts";
import { type Fault, planFaults, SERVERS } from "./plan.ts";
import { plantIn } from "./planted.ts";
import { MEBIBYTES_MAX, type Summary, UPLOADS_A_MINUTE } from "./report.ts";
import type { ChaosServer } from "./server.ts";
import { begin } from "./trouble.ts";
import { PATHS } from "./uploads.ts";

const MINUTE_MS = 60_000;
const UPLOAD_EVERY_MS = 1_500;
const LOOK_EVERY_MS = MINUTE_MS;
const QUIET_MS = MINUTE_MS;
const LOOKS_MIN = 3;
const SETTLE_MS_MAX = 180_000;
const SETTLE_LOOK_MS = 3_000;

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export async function runChaos(
  { minutes, seed, plant }: { readonly minutes: number; readonly seed: number; readonly plant: Plant | null },
  say: (text: string) => void,
): Promise<Summary> {
  const folder = mkdtempSync(join(tmpdir(), "ciruela-chaos-"));
  const wrong: string[] = [];
  const blame = (what: string): void => {
    wrong.push(what);
    say(`WRONG: ${what}`);
  };
  const field = await makeField(folder, seed, blame, say);
  const { servers, judge, uploads } = field;
  const totalMs = minutes * MINUTE_MS;
  const quietMs = Math.min(QUIET_MS, totalMs / LOOKS_MIN);
  const faults = planFaults(seed, quietMs, totalMs);
  const start = Date.now();
  let looks = 0;
  const lookAt = async (server: ChaosServer, before?: () => void): Promise<Look> => {
    const look = await server.look(before);
    looks += 1;
    for (const what of judge.judge(look)) blame(what);
    return look;
  };
  const lookAll = async (): Promise<readonly Look[]> => {
    const out: Look[] = [];
    for (const each of servers) out.push(await lookAt(each));
    return out;
  };

  const uploading = setInterval(() => uploads.beginSome(), UPLOAD_EVERY_MS);
  const troubles = faults.map((fault) =>
    trouble(field, fault, start, say).catch((error: unknown) =>
      blame(`${fault.kind} could not be done: ${error instanceof Error ? error.message : String(error)}`),
    ),
  );
  const every = Math.min(LOOK_EVERY_MS, totalMs / LOOKS_MIN);
  const spoiled = below(keyed(seed, "plant"), servers.length);
  for (let nth = 1; nth * every <= totalMs; nth++) {
    await pause(Math.max(0, start + nth * every - Date.now()));
    const isMiddle = nth === Math.ceil(totalMs / every / 2);
    for (const [at, each] of servers.entries()) {
      const plants = plant !== null && isMiddle && at === spoiled;
      await lookAt(each, plants ? () => plantIn(each.images, plant, uploads) : undefined);
    }
    say(`minute ${((Date.now() - start) / MINUTE_MS).toFixed(1)}: ${JSON.stringify(judge.figures())}`);
  }
  clearInterval(uploading);
  await Promise.all(troubles);
  while (uploads.running > 0) await pause(100);
  const figures = judge.figures();
  const mended = Date.now();
  await settle(field, lookAll, blame);
  const settledMs = Date.now() - mended;
  await uploadLast(field, lookAll, blame, seed);
  const mebibytes = servers.map((each) => each.mebibytes);
  if (Math.max(...mebibytes) > MEBIBYTES_MAX) blame(`a server had ${Math.max(...mebibytes)} MiB`);
  const perMinute = rates(uploads.begun, start, totalMs);
  const before = Math.floor((uploads.done.filter((at) => at < start + quietMs).length * MINUTE_MS) / quietMs);
  if (before < UPLOADS_A_MINUTE) blame(`${before} uploads a minute before the first fault: no run to count`);
  if (Math.min(...perMinute) < UPLOADS_A_MINUTE) blame(`only ${Math.min(...perMinute)} uploads in a minute`);
  await close(field);
  if (wrong.length === 0) rmSync(folder, { recursive: true });
  else say(`kept: ${folder}`);
  const attacks = field.attacks.counts();
  return { seed, minutes, faults, attacks, figures, before, perMinute, looks, settledMs, mebibytes, wrong };
}

/** From its beginning to its end; what befalls one server comes one after the other. */
async function trouble(
  field: Whole,
  fault: Fault,
  start: number,
  say: (text: string) => void,
): Promise<void> {
  await pause(Math.max(0, start + fault.atMs - Date.now()));
  const one = "server" in fault ? fault.server : 0;
  const last = one === 0 ? undefined : field.busy.get(one);
  const whole = (async (): Promise<void> => {
    await last;
    say(`${((Date.now() - start) / 1_000).toFixed(1)} s: ${JSON.stringify(fault)}`);
    const end = await begin(field, fault);
    await pause(fault.forMs);
    await end();
  })();
  if (one !== 0) field.busy.set(one, whole);
  await whole;
}

async function settle(
  { judge }: Whole,
  lookAll: () => Promise<readonly Look[]>,
  blame: (what: string) => void,
): Promise<readonly Look[]> {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const looks = await lookAll();
    const unlike = judge.unlike(looks);
    if (unlike.length === 0) {
      for (const what of judge.notTheWinner(looks)) blame(what);
      return looks;
    }
    if (Date.now() > deadline) {
      for (const what of unlike) blame(`not alike after ${SETTLE_MS_MAX / 1_000} s: ${what}`);
      return looks;
    }
    await pause(SETTLE_LOOK_MS);
  }
}

/** Whatever was, one more upload to each path reaches everybody. */
async function uploadLast(
  field: Whole,
  lookAll: () => Promise<readonly Look[]>,
  blame: (what: string) => void,
  seed: number,
): Promise<void> {
  const dice = keyed(seed, "last");
  const images = new Map<string, string>();
  for (const path of PATHS) {
    const { status, image } = await field.uploads.upload(path, sample(dice, SERVERS, 1), "all");
    if (status !== 0) blame(`${path}: the last upload ended with ${status}`);
    images.set(path, image);
  }
  for (const { server, seen } of await settle(field, lookAll, blame)) {
    const other = PATHS.filter((path) => seen.paths[path]?.tree !== images.get(path));
    if (other.length > 0) blame(`server ${server} does not have the last upload of ${other.join(" ")}`);
  }
}

function rates(moments: readonly number[], start: number, totalMs: number): readonly number[] {
  return Array.from({ length: Math.floor(totalMs / MINUTE_MS) }, (_, minute) => {
    const from = start + minute * MINUTE_MS;
    return moments.filter((at) => at >= from && at < from + MINUTE_MS).length;
  });
}
