/**
 * What is uploaded in a run, and when. Most runs have a few uploads at any time; the others one of the patterns in which
 * uploads meet: one after the other at one path, many in one base directory, each on the condition of the one before.
 */
import { unreachable } from "../kernel/assert.ts";
import { below, chance, type Prng, sample } from "../kernel/prng.ts";
import type { UploadVerb, Verb } from "./script.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export type UploadOptions = {
  readonly draw: (...identity: readonly string[]) => Prng;
  readonly servers: readonly string[];
  readonly levels: number;
  readonly append: boolean;
  readonly skewed: boolean;
  /** Several images of one base directory, so that some become too many. */
  readonly cleaned: boolean;
  readonly anyMoment: (stream: Prng) => number;
  readonly add: (at: number, verb: Verb) => void;
};

const PATTERNS = ["few", "few", "few", "few", "burst", "burst", "many", "chain"] as const;
type Pattern = (typeof PATTERNS)[number] | "clean";

/** No fault comes before the servers have talked. */
export const BEGIN = 1_500 * MILLISECOND;

export function addUploads(options: UploadOptions): void {
  const { draw, append, cleaned, add } = options;
  const stream = draw("uploads");
  const pattern = cleaned ? "clean" : append ? "few" : one(stream, PATTERNS);
  const count = countOf(pattern, stream);
  let at = BEGIN;
  for (let nth = 1; nth <= count; nth++) {
    const each = draw("upload", String(nth));
    if (nth > 1) at = nextMoment(pattern, at, each, options);
    const upload = uploadOf(pattern, nth, count, each, options);
    add(at, upload);
    addOddUpload(draw("odd", String(nth)), at, upload, options);
  }
}

function countOf(pattern: Pattern, stream: Prng): number {
  switch (pattern) {
    case "few":
      return 1 + below(stream, 4);
    case "burst":
    case "chain":
      return 2 + below(stream, 3);
    case "many":
      return 5 + below(stream, 4);
    case "clean":
      return 3 + below(stream, 4);
    default:
      return unreachable(pattern);
  }
}

/** In a burst, while the one before is on its way; many come together. */
function nextMoment(pattern: Pattern, before: number, stream: Prng, { anyMoment }: UploadOptions): number {
  switch (pattern) {
    case "few":
      return anyMoment(stream);
    case "burst":
      return before + below(stream, chance(stream, 1, 2) ? 60 : 2_500) * MILLISECOND;
    case "many":
      return before + below(stream, 300) * MILLISECOND;
    case "chain":
      return before + (300 + below(stream, 4_000)) * MILLISECOND;
    case "clean":
      return before + below(stream, chance(stream, 1, 4) ? 9_000 : 1_500) * MILLISECOND;
    default:
      return unreachable(pattern);
  }
}

function uploadOf(
  pattern: Pattern,
  nth: number,
  count: number,
  stream: Prng,
  { servers, levels, append, skewed }: UploadOptions,
): UploadVerb {
  const names = append ? ["v1", "v2", "v3", "v4"] : ["current", "current", "other"];
  const drawn = one(stream, names);
  const numbered = pattern === "clean" ? one(stream, ["v1", "v2", "v3", "v4", "v5"]) : `v${nth}`;
  const isNumbered = pattern === "many" || pattern === "clean";
  const name = isNumbered ? numbered : pattern === "few" ? drawn : "current";
  const folder = one(stream, ["a", "b"]);
  const inside = pattern === "few" ? folder : "a";
  return {
    kind: "upload",
    client: `c${nth}`,
    path: levels === 1 ? `/site/${name}` : `/site/${inside}/${name}`,
    // Few of them in a burst, so that what was there before comes back.
    content: 1 + below(stream, pattern === "burst" ? 2 : 3 * count),
    files: below(stream, 9),
    bytes: one(stream, pattern === "many" ? [200, 20_000, 70_000] : [200, 20_000, 150_000]),
    mode: append ? "append" : "replace",
    skew: skewed ? (below(stream, 20_001) - 10_000) * MILLISECOND : 0,
    frozen: false,
    key: chance(stream, 1, 4) ? "second" : "known",
    old: pattern === "chain" && nth > 1 ? `c${Math.max(1, nth - 1 - below(stream, 2))}` : null,
    to: sample(stream, servers, 1 + below(stream, Math.min(3, servers.length))),
  };
}

/** What an upload must not be, or meets: a key of nobody, a clock far ahead, a wrong mode, an equal timestamp. */
function addOddUpload(stream: Prng, at: number, upload: UploadVerb, { servers, add }: UploadOptions): void {
  if (!chance(stream, 1, 8)) return;
  const client = `${upload.client}9`;
  const content = upload.content + 20;
  const soon = at + below(stream, 4_000) * MILLISECOND;
  const odd: UploadVerb = { ...upload, client, content, old: null, to: [one(stream, servers)] };
  switch (below(stream, 4)) {
    case 0:
      return add(soon, { ...odd, key: "stranger" });
    case 1:
      return add(soon, { ...odd, skew: (600 + below(stream, 31_536_000)) * SECOND });
    case 2:
      return add(soon, { ...odd, mode: upload.mode === "append" ? "replace" : "append" });
    default:
      add(soon, { ...odd, frozen: true, skew: 0 });
      return add(soon, {
        ...odd,
        client: `${client}9`,
        content: content + 1,
        frozen: true,
        skew: 0,
        to: [one(stream, servers)],
      });
  }
}

function one<T>(stream: Prng, items: readonly T[]): T {
  return items[below(stream, items.length)] as T;
}
