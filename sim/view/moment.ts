/** What a host knew or had at an entry, and what is different from another one. */
import type { Change } from "./recording.ts";

export type Table = ReadonlyMap<string, string>;
export type Difference = {
  readonly key: string;
  readonly before: string | null;
  readonly after: string | null;
};

/** Everything up to and with the entry. */
export function tableAt(changes: readonly Change[], entry: number): Table {
  const table = new Map<string, string>();
  for (const [at, key, value] of changes) {
    if (at > entry) break;
    if (value === null) table.delete(key);
    else table.set(key, value);
  }
  return table;
}

/** Sorted by key. */
export function differenceOf(before: Table, after: Table): readonly Difference[] {
  const out: Difference[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [old, young] = [before.get(key) ?? null, after.get(key) ?? null];
    if (old !== young) out.push({ key, before: old, after: young });
  }
  return out.toSorted(byKey);
}

export function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
