/** Threads and processes run what is compiled: brings `dist/` up to date once for all test files that ask. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LOCK = `${ROOT}node_modules/.ciruela-build`;
const LOCK_MS_MAX = 60_000; // a builder that was killed leaves its lock

export async function build(): Promise<void> {
  while (!locked()) await new Promise((done) => setTimeout(done, 50));
  try {
    if (newest(`${ROOT}kernel`) <= built() && newest(`${ROOT}adapters`) <= built()) return;
    // Types are judged elsewhere; a file of somebody's that is red just now still becomes JavaScript.
    spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
      cwd: ROOT,
    });
  } finally {
    rmdirSync(LOCK);
  }
}

function locked(): boolean {
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > LOCK_MS_MAX) rmdirSync(LOCK);
    return false;
  }
}

/** The compiler writes all files each time, so any one of them tells when that was. */
function built(): number {
  return statSync(`${ROOT}dist/adapters/storage-thread.js`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newest(folder: string): number {
  const times = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(...times);
}
