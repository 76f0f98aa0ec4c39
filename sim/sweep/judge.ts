/**
 * What must be true of a disk that a power cut has left, and still after a start: judged by a walk of its trees and by
 * what was answered before the cut.
 */
import type { FoundImage } from "../../kernel/storage/request.ts";
import { equalBytes } from "../../kernel/text.ts";
import type { Content } from "../content.ts";
import type { SimDisk } from "../disk.ts";
import {
  BESIDE,
  DB,
  IMAGES,
  PATH,
  perform,
  type Plot,
  RECOVER,
  runAll,
  type Sealed,
  upload,
  valueOf,
} from "./stories.ts";

/** What was answered before the cut. */
export type Answered = {
  readonly promised: boolean;
  readonly done: boolean;
  /** A start of the story has ended. */
  readonly started: boolean;
};

export function insideOf(path: string): string {
  return path.slice("/key/".length);
}

/** Before anything runs. */
export function judgeLeft(disk: SimDisk, plot: Plot, { done }: Answered): string | null {
  const allowed = done ? [plot.after] : [plot.before, plot.after];
  if (!allowed.some((each) => shows(disk, PATH, each))) return "at the path is a mixture, or nothing";
  const promise = disk.subtree(DB, `signatures${PATH}.new.state`);
  if (done && plot.after !== null && promise !== null) return "what was answered needs a start to be so";
  if (plot.beside !== null && !shows(disk, BESIDE, plot.beside)) return "the image beside is another one";
  return null;
}

/** The first start after it, another one, and the end of what was promised. */
export function judgeStarts(disk: SimDisk, plot: Plot, answered: Answered): string | null {
  const { before, after, beside } = plot;
  const first = perform(disk, RECOVER);
  if (!first.ok) return `the start fails: ${first.code} ${first.detail}`;
  const { found, problems, unread, wasClean, ranUntil } = valueOf("recovered", first);
  // A story is cut: where it began with the mark of an orderly end, its own start has taken that away.
  if (answered.started && wasClean) return "the start takes what was cut for what ended in order";
  if (plot.ranUntil !== ranUntil) return "when the last run ended is lost";
  const told = [...problems, ...unread.map(({ what }) => what)];
  if (told.length > 0) return `the start has problems: ${told.join("; ")}`;
  const own = found.find(({ path }) => path === PATH);
  const wrong =
    after === null ? judgeRemoval(own, before, answered) : judgeUpload(own, before, after, answered);
  if (wrong !== null) return wrong;
  const committed =
    [before, after].find((each) => each !== null && each.index.image === own?.committed?.image) ?? null;
  if (!shows(disk, PATH, committed)) return "its state says another image than there is";
  if (beside !== null) {
    const state = found.find(({ path }) => path === BESIDE);
    if (state?.committed?.image !== beside.index.image || !shows(disk, BESIDE, beside))
      return "the image beside is lost";
  }
  for (const each of [committed, beside]) {
    if (each === null) continue;
    const index = perform(disk, { kind: "load_index", image: each.index.image });
    if (!index.ok) return `an index is lost: ${index.code}`;
  }
  const left = leftOver(disk, own);
  if (left !== null) return `left over: ${left}`;
  const seen = printed(disk);
  disk.kill();
  const again = valueOf("recovered", perform(disk, { ...RECOVER, tag: "t2" }));
  const same = { ...valueOf("recovered", first), wasClean: false };
  if (JSON.stringify(again) !== JSON.stringify(same)) return "a second start says something else";
  if (printed(disk) !== seen) return "a second start changes something";
  if (after === null || own?.intent == null) return null;
  runAll(
    disk,
    upload({ path: PATH, sealed: after, stage: own.intent.stage, mode: own.intent.mode, sources: [] }),
  );
  return shows(disk, PATH, after) ? null : "what was promised does not come";
}

function judgeUpload(
  own: FoundImage | undefined,
  before: Sealed | null,
  after: Sealed,
  { promised, done }: Answered,
): string | null {
  const committed = own?.committed?.image ?? null;
  const intent = own?.intent?.state.image ?? null;
  const { image } = after.index;
  if (own?.missing === true) return "a state without its image";
  if (done && (committed !== image || intent !== null)) return "a commit is lost";
  if (promised && committed !== image && intent !== image) return "a promise is lost";
  if (before !== null && committed !== image && committed !== before.index.image)
    return "the state before is lost";
  const floor = own?.published?.image ?? null;
  if (done && floor !== image) return "a commit without its floor";
  if (before !== null && floor !== image && floor !== before.index.image) return "the floor before is lost";
  return null;
}

function judgeRemoval(own: FoundImage | undefined, before: Sealed | null, { done }: Answered): string | null {
  if (own?.missing === true) return "a state without its image";
  if (own?.committed != null) return done ? "a removal is undone" : null;
  return own?.floor?.image === before?.index.image ? null : "gone, and nobody knows what";
}

/** Null: nothing. */
function shows(disk: SimDisk, path: string, sealed: Sealed | null): boolean {
  const subtree = disk.subtree(IMAGES, insideOf(path));
  if (subtree === null || sealed === null) return subtree === null && sealed === null;
  const { content } = sealed;
  if (subtree.kind !== "directory" || subtree.entries.size !== content.size) return false;
  return [...subtree.entries].every(([name, entry]) => isEqual(entry, content.get(name)));
}

type Entry = ReturnType<SimDisk["tree"]> extends ReadonlyMap<string, infer T> ? T : never;

function isEqual(entry: Entry, wanted: ReturnType<Content["get"]>): boolean {
  if (entry.kind !== "file" || wanted?.kind !== "file") return false;
  const executable = (entry.mode & 0o111) !== 0;
  return executable === wanted.executable && equalBytes(entry.bytes, wanted.bytes);
}

function leftOver(disk: SimDisk, own: FoundImage | undefined): string | null {
  const live = own?.intent == null ? null : `group/.tmp.app.${own.intent.stage}`;
  for (const root of [IMAGES, DB]) {
    for (const name of disk.tree(root).keys()) {
      const isLive = live !== null && (name === live || name.startsWith(`${live}/`));
      if (name.includes(".tmp.") && !isLive) return name;
    }
  }
  return null;
}

function printed(disk: SimDisk): string {
  const lines = [IMAGES, DB].flatMap((root) =>
    [...disk.tree(root)].map(([path, entry]) =>
      entry.kind === "file" ? `${path} ${entry.mode} ${entry.bytes.join()}` : `${path} ${entry.kind}`,
    ),
  );
  return lines.join("\n");
}
