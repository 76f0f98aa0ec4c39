import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import { check } from "../../sim/check.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import type { Script } from "../../sim/script.ts";

const FOLDER = new URL("./scripts/", import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".sim"));
const crypto = createCrypto();

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  return parsed.script;
}

/** What the story's comment says it is about: trace marks, and paths whose winner nobody can have any more. */
function wordsOf(text: string, word: "seen" | "unseen" | "excused"): readonly string[] {
  const lines = text.split("\n").filter((line) => line.startsWith(`// ${word}: `));
  return lines.flatMap((line) => line.split(" ").slice(2));
}

test.each(files)("%s keeps every promise", (name) => {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  const finding = check(scriptOf(text), kernelCast, { crypto, twice: true, shrinkRunsMax: 0 });
  expect(finding.trouble).toBeNull();
  expect(finding.convergedAfter).not.toBeNull();
  expect(finding.excused).toBe(Number(wordsOf(text, "excused")[0] ?? 0));
  for (const mark of wordsOf(text, "seen")) expect(finding.marks, mark).toHaveProperty(mark);
  for (const mark of wordsOf(text, "unseen")) expect(finding.marks, mark).not.toHaveProperty(mark);
});
