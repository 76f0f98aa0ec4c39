/** What is on a disk, as a program sees it that shares nothing with the server; and when a disk is at rest. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../e2e/rig.ts";
import { runPython } from "./disk.ts";

/** A displaced tree stays for two seconds: who waits for its end waits longer than that. */
const PENDING_MS = 3_000;
/** Nothing is unfinished: only a write that is under way could still come. */
const DONE_MS = 400;
const REST_MS_MAX = 90_000;
const LOOK_MS = 50;

/** What a server writes of itself goes with the clock: so long after what it is about, at most. */
const SAVED_MS_MAX = 2_500;

/** Waits until a file of the database is written anew: what it was before has another inode. */
export async function written(
  root: string,
  file: "time" | "transfer",
  before: number | null,
  stop: () => boolean,
): Promise<void> {
  const end = performance.now() + SAVED_MS_MAX;
  while (!stop() && inodeOf(root, file) === before && performance.now() < end)
    await new Promise((done) => setTimeout(done, LOOK_MS));
}

export function inodeOf(root: string, file: "time" | "transfer"): number | null {
  return lstatSync(join(root, "db", file), { throwIfNoEntry: false })?.ino ?? null;
}

/** What `check.py` says. */
export type Seen = {
  readonly paths: Readonly<Record<string, SeenPath>>;
  /** What is not what its name says. */
  readonly wrong: readonly string[];
  readonly left: readonly string[];
};
export type SeenPath = {
  readonly state: string | null;
  readonly intent: string | null;
  /** What was removed, and what was published. */
  readonly floor: readonly [timestamp: number, image: string] | null;
  readonly published: readonly [timestamp: number, image: string] | null;
  /** The image id that follows from the tree at the path. */
  readonly tree: string | null;
  /** Of state and intent: the newest timestamp that an image is signed with. */
  readonly signed: Readonly<Record<string, number>>;
};

export const NOTHING: SeenPath = {
  state: null,
  intent: null,
  floor: null,
  published: null,
  tree: null,
  signed: {},
};

export function check(root: string): Seen {
  return JSON.parse(runPython("check.py", join(root, "db"), join(root, "site"), "site")) as Seen;
}

/** The image id that follows from any tree. */
export function idOf(tree: string): string {
  return runPython("check.py", "--tree", tree).trim();
}

/**
 * Waits until nothing changes any more: for a moment when nothing is begun, and for longer than a displaced tree stays
 * when something is. `stop` ends the waiting early.
 */
export async function rest(root: string, stop: () => boolean = () => false): Promise<void> {
  let last = "";
  let since = performance.now();
  const atRest = async (): Promise<boolean> => {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    const names = look(root);
    if (names !== last) {
      last = names;
      since = performance.now();
    }
    const pending = /\/\.tmp\.|\.new\.state/.test(names);
    return performance.now() - since > (pending ? PENDING_MS : DONE_MS);
  };
  await until("the disk is at rest", async () => stop() || (await atRest()), REST_MS_MAX);
}

/** Every name with what tells that it changed; of no look when a directory goes while it is looked at. */
function look(root: string): string {
  const lines: string[] = [];
  for (const part of ["db", "site"]) {
    for (const name of namesIn(join(root, part))) {
      const stat = lstatSync(join(root, part, name), { throwIfNoEntry: false });
      lines.push(`${part}/${name} ${stat?.ino} ${stat?.ctimeMs} ${stat?.size}`);
    }
  }
  return lines.join("\n");
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [`${performance.now()}`];
    throw error;
  }
}
