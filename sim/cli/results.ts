/** Results of seeds as a file: one JSON object a line, so that files of shards are merged line by line. */
import { readFile, writeFile } from "node:fs/promises";
import type { Finding } from "../check.ts";
import type { Command } from "./arguments.ts";
import { describeHunt } from "./hunt-text.ts";
import { type Result, resultOf } from "./result.ts";
import { EXIT, Usage } from "./work.ts";

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

async function writeLines(file: string, results: readonly Result[]): Promise<void> {
  await writeFile(file, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
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

export async function merge({ files, out }: Extract<Command, { kind: "merge" }>): Promise<number> {
  const all: Result[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      throw new Usage(`${file} cannot be read: ${String(error)}`);
    });
    for (const line of text.split("\n")) if (line !== "") all.push(JSON.parse(line) as Result);
  }
  const merged = mergeResults(all);
  if (out !== null) await writeLines(out, merged);
  process.stdout.write(`${describeHunt(merged, null)}\n`);
  return merged.some(({ trouble }) => trouble !== null) ? EXIT.violation : EXIT.ok;
}
