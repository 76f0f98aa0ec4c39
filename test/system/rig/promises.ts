/**
 * What was promised, against what is there: checks C1 to C12 of the reliability notes, section 2.8, as far as one server
 * and one path can break them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CANARY, type Images, type Scene } from "./scene.ts";
import { NOTHING, type Seen, type SeenPath } from "./seen.ts";
import type { Story } from "./stories.ts";

/** What a disk showed after a story: at once, after the server had started again alone, and after one more start. */
export type Told = {
  readonly before: Seen;
  readonly after: Seen;
  readonly again: Seen;
  readonly reports: readonly string[];
};

/** What is wrong, in words; nothing when every promise was kept. */
export function violations({ images }: Scene, story: Story, told: Told): readonly string[] {
  const { before, after, again, reports } = told;
  const out = [...before.wrong, ...after.wrong, ...again.wrong];
  const first = before.paths[story.path] ?? NOTHING;
  const last = after.paths[story.path] ?? NOTHING;
  for (const [when, seen] of [
    ["before", first],
    ["after", last],
  ] as const) {
    const { tree, state, intent } = seen;
    if (![null, images.old, images.young].includes(tree))
      out.push(`${when}: the tree is no image that was uploaded`);
    if (tree !== null && state !== tree && intent !== tree)
      out.push(`${when}: the tree is not what was promised`);
  }
  const beside = [before, after].map((seen) => seen.paths["/site/beside"]);
  if (beside.some((each) => each?.tree !== images.beside || each.state !== images.beside))
    out.push("another image is not what it was");
  out.push(...losses(images, last, reports), ...unfinished(images, story, last));
  if (story.name !== "upload" && !isRemoval(story) && (first.tree === null || last.tree === null))
    out.push("there was an image, and there is none");
  if (isRemoval(story)) out.push(...removalLosses(images.old, first, last));
  if (last.tree !== null && last.state !== last.tree) out.push("the state is not of what is there");
  if (last.tree === null && last.state !== null) out.push("a state of nothing");
  if (isLower(last.floor, first.floor) || isLower(last.published, first.published))
    out.push("a floor went down");
  // Who has promised an image keeps its stage, and nothing else.
  const stage = last.intent === null ? null : `.tmp.${story.path.slice("/site/".length)}.`;
  const over = after.left.filter((name) => stage === null || !name.startsWith(stage));
  if (over.length > 0 || after.left.length > 1) out.push(`left over: ${after.left.join(" ")}`);
  if (JSON.stringify(after) !== JSON.stringify(again)) out.push("a second start changes something");
  return out;
}

/** What a client was told is true, also without any network. */
export function losses({ young }: Images, last: SeenPath, reports: readonly string[]): readonly string[] {
  const out: string[] = [];
  if (reports.includes("accepted") && ![last.state, last.intent].includes(young)) out.push("acceptance lost");
  if (reports.includes("received") && (last.tree !== young || last.state !== young)) out.push("receipt lost");
  if (reports.includes("received") && last.published?.[1] !== young)
    out.push("received, and no floor says so");
  return out;
}

/** What a start can do alone it does. */
function unfinished({ young }: Images, { name }: Story, last: SeenPath): readonly string[] {
  if (name === "start_upload" && last.tree !== young) return ["a whole image was not brought to its name"];
  if (name === "start_replace" && last.state !== young) return ["a half replace was not finished"];
  return [];
}

/** Whether a story has come to its end: what it is about is there, and nothing else. */
export function isDone({ old, young }: Images, story: Story, { paths, left }: Seen): boolean {
  const { state, intent, tree } = paths[story.path] ?? NOTHING;
  const wanted = isRemoval(story) ? null : story.name === "start" || story.name === "start_old" ? old : young;
  return state === wanted && tree === wanted && intent === null && left.length === 0;
}

function removalLosses(old: string, first: SeenPath, last: SeenPath): readonly string[] {
  if (first.floor !== null && (last.tree !== null || last.state !== null))
    return ["a half removal was not finished"];
  return last.tree === null && last.floor?.[1] !== old ? ["removed, and nobody knows what"] : [];
}

function isRemoval({ name }: Story): boolean {
  return name === "removal" || name === "start_removal";
}

function isLower(last: SeenPath["floor"], first: SeenPath["floor"]): boolean {
  return first !== null && (last === null || last[0] < first[0]);
}

/** What stands beside the server's own directories is as it was. */
export function strangers(root: string): readonly string[] {
  const names = readdirSync(root).filter((name) => name !== "lost+found");
  const out =
    names.toSorted().join(" ") === "canary db site" ? [] : [`beside it there is ${names.join(" ")}`];
  return readFileSync(join(root, "canary/file"), "utf8") === CANARY
    ? out
    : [...out, "the canary is not what it was"];
}
