/**
 * What of a disk would survive: every name that is visible, or that a power cut could bring back, and whether its name
 * and its bytes have reached the disk.
 */
import type { FileName } from "../kernel/storage/call.ts";
import { apply, type DirectoryNode, type Edit, type Node } from "./disk-node.ts";
import { equalFileBytes } from "./file-bytes.ts";

/**
 * - `durable`: a power cut changes nothing of it.
 * - `bytes_volatile`: the name stays, and some of the bytes may be older, torn or zeros.
 * - `name_volatile`: the name may be gone, or another file's.
 * - `removed_volatile`: it is not visible, and a power cut may bring it back.
 */
export type Durability = "durable" | "bytes_volatile" | "name_volatile" | "removed_volatile";

export type Layer = {
  /** `a/b`, below the root. */
  readonly path: string;
  readonly kind: Node["kind"];
  /** Of a file its visible bytes, else 0. */
  readonly bytes: number;
  readonly durability: Durability;
};

type Entries = ReadonlyMap<FileName, Node>;
type Operation = { readonly edits: readonly Edit[]; readonly synced: boolean };

/** Sorted by path. `operations` is the log of changes of names that are not all in `base` yet. */
export function layersOf(root: DirectoryNode, operations: readonly Operation[]): readonly Layer[] {
  const durable = new Map<DirectoryNode, Map<FileName, Node>>();
  /** Names of which some change has not reached the disk, each with what was there last. */
  const pending = new Map<DirectoryNode, Map<FileName, Node>>();
  for (const { edits, synced } of operations) {
    for (const edit of edits) {
      if (!synced) {
        const names = pending.get(edit.dir) ?? new Map<FileName, Node>();
        pending.set(edit.dir, names);
        const node = edit.to ?? edit.from;
        if (node !== null) names.set(edit.name, node);
        continue;
      }
      const entries = durable.get(edit.dir) ?? new Map(edit.dir.base);
      durable.set(edit.dir, entries);
      apply(entries, edit);
    }
  }
  const durableOf = (dir: DirectoryNode): Entries => durable.get(dir) ?? dir.base;
  const out: Layer[] = [];
  walk(root, root, "");
  return out.toSorted((a, b) => (a.path < b.path ? -1 : 1));

  /** The directory that is visible at a place and the one that is durable there, each as far as there is one. */
  function walk(visible: DirectoryNode | null, kept: DirectoryNode | null, prefix: string): void {
    const now: Entries = visible?.entries ?? new Map();
    const then: Entries = kept === null ? new Map() : durableOf(kept);
    const moving = new Map(
      [visible, kept].flatMap((dir) => (dir === null ? [] : [...(pending.get(dir) ?? [])])),
    );
    for (const name of new Set([...now.keys(), ...then.keys(), ...moving.keys()])) {
      const [node, old] = [now.get(name), then.get(name)];
      const shown = node ?? old ?? moving.get(name);
      if (shown === undefined) continue;
      const path = prefix + name;
      const bytes = shown.kind === "file" ? shown.bytes.size : 0;
      out.push({ path, kind: shown.kind, bytes, durability: durabilityOf(node, old, moving.has(name)) });
      const directories = [node, old].map((each) => (each?.kind === "directory" ? each : null));
      if (directories.some((each) => each !== null)) {
        walk(directories[0] ?? null, directories[1] ?? null, `${path}/`);
      }
    }
  }
}

/** `moving`: some change of the name has not reached the disk, and any subset of these may. */
function durabilityOf(node: Node | undefined, old: Node | undefined, moving: boolean): Durability {
  if (node === undefined) return "removed_volatile";
  if (node !== old || moving) return "name_volatile";
  if (node.kind !== "file") return "durable";
  return node.log.length === 0 && equalFileBytes(node.bytes, node.durable) ? "durable" : "bytes_volatile";
}
