/** Plain state as one flat table that a person can read and two of which can be compared. */
const DEPTH_MAX = 7;
const MEMBERS_MAX = 16; // of a list that is shown member by member
const TEXT_MAX = 100;
const HEX_SHOWN = 8;
const HEX_MIN = 32; // of what is an id or a digest
/** Not of what a server knows, but of how it was made: they are large, secret, or change with everything. */
const HIDDEN = new Set(["config", "prng", "keys", "seed", "limits"]);

/** As `downloads./site/current.stage` to its value in words. What is met a second time is named by its first place. */
export function flatten(state: object): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  const places = new Map<object, string>();
  add("", state, 0);
  return out;

  function add(path: string, value: unknown, depth: number): void {
    const leaf = leafOf(value);
    if (leaf !== null) {
      out.set(path, leaf);
      return;
    }
    const whole = value as object;
    const before = places.get(whole);
    if (before !== undefined) {
      out.set(path, `the same as ${before}`);
      return;
    }
    places.set(whole, path);
    const size = sizeOf(whole);
    if (size !== null && size > MEMBERS_MAX) {
      out.set(path, `${size} of them`);
      return;
    }
    const members = membersOf(whole);
    const leaves =
      size !== null && !(whole instanceof Map) ? members.map(([, each]) => leafOf(each)) : [null];
    if (members.length === 0) out.set(path, "none");
    else if (depth >= DEPTH_MAX) out.set(path, `${members.length} of them`);
    else if (leaves.every((each) => each !== null)) out.set(path, leaves.join(", "));
    else {
      for (const [name, each] of members) {
        if (!HIDDEN.has(name)) add(path === "" ? name : `${path}.${name}`, each, depth + 1);
      }
    }
  }
}

function leafOf(value: unknown): string | null {
  if (value === null || value === undefined) return "none";
  if (typeof value === "string") return shortened(value);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (typeof value !== "object") return typeof value;
  return ArrayBuffer.isView(value) ? `${value.byteLength} bytes` : null;
}

/** Of a collection; null of what has fields of its own. */
function sizeOf(value: object): number | null {
  if (Array.isArray(value)) return value.length;
  return value instanceof Set || value instanceof Map ? value.size : null;
}

function membersOf(value: object): readonly (readonly [name: string, value: unknown])[] {
  if (value instanceof Map) return Array.from(value, ([key, each]) => [leafOf(key) ?? "?", each]);
  if (value instanceof Set) return Array.from(value, (each, at) => [String(at), each]);
  return Object.entries(value).filter(([, each]) => typeof each !== "function");
}

/** Digests and ids by their first digits. */
export function shortened(text: string): string {
  if (text.length < HEX_MIN) return text;
  const short = text.replace(/[0-9a-f]{32,}/g, (hex) => `${hex.slice(0, HEX_SHOWN)}\u2026`);
  return short.length > TEXT_MAX ? `${short.slice(0, TEXT_MAX)}\u2026` : short;
}
