/** Results of seeds as a file: one JSON object a line, so that files of shards are merged line by line. */
import { readFile, writeFile } from "node:fs/promises";
import type { Finding } from "../check.ts";
import { Usage } from "./command.ts";
import { type Result, resultOf } from "./result.ts";

export async function writeResults(
  file: string,
  findings: readonly Finding[],
  nameOf: (at: number) => string,
): Promise<void> {
  await writeLines(
    file,
    findings.map((finding, at) => resultOf(nameOf(at), finding)),
  );
}

export async function writeLines(file: string, results: readonly Result[]): Promise<void> {
  await writeFile(file, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
}

export async function readResults(files: readonly string[]): Promise<readonly Result[]> {
  const all: Result[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      throw new Usage(`${file} cannot be read: ${String(error)}`);
    });
    for (const line of text.split("\n")) if (line !== "") all.push(JSON.parse(line) as Result);
  }
  return all;
}

/** The union: the same seed twice is one, and has to have the same digest. Sorted by name, so that order is nothing. */
export function mergeResults(all: readonly Result[]): readonly Result[] {
  const byName = new Map<string, Result>();
  for (const each of all) {
    const known = byName.get(each.name);
    if (known !== undefined && known.digest !== each.digest)
      throw new Usage(`${each.name} has two digests, ${known.digest} and ${each.digest}`);
    byName.set(each.name, each);
  }
  return [...byName.values()].toSorted((a, b) => order(a.name) - order(b.name) || (a.name < b.name ? -1 : 1));
}

function order(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
