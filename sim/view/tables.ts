/** Tables of what a host has, and how they are kept as changes. */
import type { Layer } from "../disk-layers.ts";
import type { Host } from "../computer.ts";
import type { Change } from "./recording.ts";

const FIRST_PRINTABLE = 0x20;
const DELETE = 0x7f;

/** Everything on a host's disk, by its whole path. */
export function diskOf({ disk }: Host): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const root of disk.roots()) {
    for (const layer of disk.layers(root)) out.set(printable(`${root}/${layer.path}`), printLayer(layer));
  }
  return out;
}

/** As `durable file 200`: its state, its kind and its bytes. */
function printLayer({ kind, bytes, durability }: Layer): string {
  return kind === "file" ? `${durability} ${kind} ${bytes}` : `${durability} ${kind}`;
}

/** Names may have any byte: a control character is shown by its number. */
export function printable(text: string): string {
  return Array.from(text, (each) => {
    const code = each.charCodeAt(0);
    return code < FIRST_PRINTABLE || code === DELETE ? `\\x${code.toString(16).padStart(2, "0")}` : each;
  }).join("");
}

/** The tables of hosts, as what changed of them and when. */
export function createChanges() {
  const last = new Map<string, ReadonlyMap<string, string>>();
  const found: Record<string, Change[]> = {};
  return {
    set(host: string, entry: number, next: ReadonlyMap<string, string>): void {
      const before = last.get(host) ?? new Map<string, string>();
      const list = (found[host] ??= []);
      for (const [key, value] of next) if (before.get(key) !== value) list.push([entry, key, value]);
      for (const key of before.keys()) if (!next.has(key)) list.push([entry, key, null]);
      last.set(host, next);
    },
    all: () => found,
  };
}
