/** A disk at a moment as a tree of lines, with what is different from an earlier one. */
import type { Durability } from "../disk-layers.ts";
import type { Table } from "./moment.ts";

export type TreeLine = {
  readonly path: string;
  readonly depth: number;
  readonly name: string;
  readonly kind: string;
  /** Null of what is no file. */
  readonly bytes: number | null;
  readonly durability: Durability;
  readonly change: "new" | "changed" | "gone" | null;
};

/** Sorted so that what is in a directory follows it. */
export function treeOf(before: Table, now: Table): readonly TreeLine[] {
  const paths = [...new Set([...before.keys(), ...now.keys()])].toSorted((a, b) => compare(a, b));
  return paths.map((path) => {
    const [old, young] = [before.get(path), now.get(path)];
    const [durability = "", kind = "", bytes] = (young ?? old ?? "").split(" ");
    const parent = parentOf(path, paths);
    return {
      path,
      depth: paths.filter((each) => path.startsWith(`${each}/`)).length,
      name: parent === null ? path : path.slice(parent.length + 1),
      kind,
      bytes: bytes === undefined ? null : Number(bytes),
      durability: durability as Durability,
      change: young === undefined ? "gone" : old === undefined ? "new" : old === young ? null : "changed",
    };
  });
}

function parentOf(path: string, paths: readonly string[]): string | null {
  const above = paths.filter((each) => path.startsWith(`${each}/`));
  return above.length === 0 ? null : above.reduce((a, b) => (a.length > b.length ? a : b));
}

/** By part, so that `a/x` stands before `a.y`. */
function compare(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [mine = "", theirs = ""] = [left[at], right[at]];
    if (mine !== theirs) return mine < theirs ? -1 : 1;
  }
  return left.length - right.length;
}
