/** What can be fuzzed. Each target states its law: a value or a refusal of the list, and the same bytes back where that holds. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Target } from "./engine.ts";

export const FOLDER = fileURLToPath(new URL("./", import.meta.url));

/** Loaded only when asked for, so that coverage counts from the first line of the code under test. */
const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  cbor: async () => (await import("./target-cbor.ts")).cbor,
  frames: async () => (await import("./target-messages.ts")).frames,
  gossip: async () => (await import("./target-messages.ts")).gossip,
  state: async () => (await import("./target-state.ts")).state,
  index: async () => (await import("./target-index.ts")).index,
  yaml: async () => (await import("./target-operator.ts")).yaml,
  keys: async () => (await import("./target-operator.ts")).keys,
};
/** Read like any other, and broken on purpose: they show that the fuzzer finds a crash, and a loop without an end. */
const PLANTED: typeof TARGETS = {
  "planted-crash": async () => (await import("./target-planted.ts")).plantedCrash,
  "planted-slow": async () => (await import("./target-planted.ts")).plantedSlow,
  "planted-loop": async () => (await import("./target-planted.ts")).plantedLoop,
};

export const TARGET_NAMES = Object.keys(TARGETS);
export const PLANTED_NAMES = Object.keys(PLANTED);

export async function loadTarget(name: string): Promise<Target | null> {
  const load = TARGETS[name] ?? PLANTED[name];
  return load === undefined ? null : load();
}

export function corpusFolder(name: string): string {
  return `${FOLDER}corpus/${name}`;
}

/** The committed inputs of a target, by name of the file. */
export function corpusOf(name: string): readonly { readonly file: string; readonly input: Uint8Array }[] {
  let files: readonly string[];
  try {
    files = readdirSync(corpusFolder(name)).toSorted((a, b) => (a < b ? -1 : 1));
  } catch {
    return []; // a target without one
  }
  return files.map((file) => ({
    file,
    input: Uint8Array.from(readFileSync(`${corpusFolder(name)}/${file}`)),
  }));
}
