/** Where one tree is not what another is, entry by entry. */
import type { ByteString } from "../text.ts";
import type { IndexBody } from "./builder.ts";
import { KIND_DIRECTORY, KIND_LINK } from "./packed.ts";
import { entryOf, kindOf, pathOf, sameContent } from "./view.ts";

export type Difference = {
  readonly kind:
    | "missing" // of what is expected
    | "extra" // of what is not
    | "type" // a file, a directory or a link where another of them is expected
    | "mode" // the exec bit of a file
    | "content"
    | "target"; // of a link
  readonly path: ByteString;
};

/** What has to change in `expected` to get `found`: in the order of `expected`, then what only `found` has. */
export function differencesBetween(expected: IndexBody, found: IndexBody): readonly Difference[] {
  const entries = new Map<ByteString, number>();
  for (let at = 0; at < found.entryCount; at++) entries.set(pathOf(found, at), at);
  const out: Difference[] = [];
  for (let at = 0; at < expected.entryCount; at++) {
    const path = pathOf(expected, at);
    const other = entries.get(path);
    entries.delete(path);
    if (other === undefined) out.push({ kind: "missing", path });
    else for (const kind of between(expected, at, found, other)) out.push({ kind, path });
  }
  for (const path of entries.keys()) out.push({ kind: "extra", path });
  return out;
}

function between(a: IndexBody, at: number, b: IndexBody, other: number): readonly Difference["kind"][] {
  const [one, two] = [kindOf(a, at), kindOf(b, other)];
  const leaf = [KIND_DIRECTORY, KIND_LINK] as readonly number[];
  if (leaf.includes(one) || leaf.includes(two)) {
    if (one !== two) return ["type"];
    const [own, its] = [entryOf(a, at), entryOf(b, other)];
    return own.kind === "link" && its.kind === "link" && own.target !== its.target ? ["target"] : [];
  }
  return [
    ...(one === two ? [] : (["mode"] as const)),
    ...(sameContent(a, at, b, other) ? [] : (["content"] as const)),
  ];
}
