/** `fork`: a run up to a moment, and then other faults. */
import type { Finding } from "../check.ts";
import { plannedFuture, withFuture } from "../future.ts";
import { parseScript } from "../parse.ts";
import { planScript } from "../plan.ts";
import { printTime } from "../print-time.ts";
import { printScript, type Script } from "../script.ts";
import { codeOf } from "./code.ts";
import { command, EXIT, Usage } from "./command.ts";
import { type Hunters, huntersOf, seedsOf, type Seeds, timeOf, type What, whatOf } from "./options.ts";
import { findingsOf, readScript } from "./work.ts";

const FUTURES: Seeds = { kind: "seeds", from: 1, to: 32 };

export const forkCommand = command({
  usage: `fork (--seed N | FILE) --at TIME [--lines 'LINE; LINE' | --futures A..B] [--mutant NAME] [--jobs N]
  The run up to a moment, and then something else: the lines given, at that moment where they name no other, or the
  faults of other seeds, with the uploads of the run itself. Without --lines: futures 1..32. Prints the digest of what
  they have in common, how many fail and how, and the script of the first of each kind.
    fork --seed 7 --at 2s --lines 'crash n1 disk=weak; at 4s start n1'`,
  values: ["--seed", "--script", "--at", "--lines", "--futures", "--mutant", "--jobs"],
  words: [0, 1],
  parse(given): Fork {
    const { options } = given;
    const at = options.get("--at");
    if (at === undefined) throw new Usage("--at names the moment, as 2s or 1500ms");
    const lines = options.get("--lines") ?? null;
    const futures = options.get("--futures");
    if (lines !== null && futures !== undefined) throw new Usage("one of --lines and --futures");
    return {
      what: whatOf(given),
      at: timeOf("--at", at),
      lines,
      futures: futures === undefined ? FUTURES : seedsOf("--futures", futures),
      ...huntersOf(given),
    };
  },
  run: fork,
});

type Fork = Hunters & {
  readonly what: What;
  /** Virtual microseconds. */
  readonly at: number;
  readonly lines: string | null;
  readonly futures: Seeds;
};
type Future = { readonly name: string; readonly script: Script };

async function fork({ what, at, lines, futures: seeds, ...hunters }: Fork): Promise<number> {
  const script = await scriptOf(what);
  const futures = lines === null ? plannedOf(script, at, seeds) : [givenOf(script, at, lines)];
  const texts = futures.map((future) => printScript(future.script));
  const findings = await findingsOf(hunters, {
    count: futures.length,
    task: (nth) => ({ of: { script: texts[nth] ?? "" }, twice: false, shrinkRunsMax: 0, past: at }),
    all: true,
  });
  process.stdout.write(`${describeFork(futures, findings, at)}\n`);
  return findings.every(({ trouble }) => trouble === null) ? EXIT.ok : EXIT.violation;
}

async function scriptOf(what: What): Promise<Script> {
  if (what.kind === "seeds") return planScript(what.from);
  const parsed = parseScript(await readScript(what.file));
  if (!parsed.ok) throw new Usage(`${what.file}:${parsed.line}: ${parsed.what}`);
  return parsed.script;
}

function plannedOf(script: Script, at: number, { from, to }: Seeds): readonly Future[] {
  return Array.from({ length: to - from + 1 }, (_, nth) => ({
    name: `future ${from + nth}`,
    script: plannedFuture(script, at, from + nth),
  }));
}

function givenOf(script: Script, at: number, lines: string): Future {
  const text = lines
    .split(";")
    .map((line) => line.trim())
    .map((line) => (line === "" || line.startsWith("at ") ? line : `at ${printTime(at)} ${line}`));
  const parsed = parseScript(text.join("\n"));
  if (!parsed.ok) throw new Usage(`--lines: line ${parsed.line}: ${parsed.what}`);
  const early = parsed.script.lines.find((line) => line.at < at);
  if (early !== undefined) throw new Usage(`--lines: ${printTime(early.at)} is before ${printTime(at)}`);
  return { name: "the other future", script: withFuture(script, at, parsed.script.lines) };
}

export function describeFork(futures: readonly Future[], findings: readonly Finding[], at: number): string {
  const pasts = new Set(findings.map(({ past }) => past ?? "of a run that failed already"));
  const failing = findings.filter(({ trouble }) => trouble !== null).length;
  const kinds = [...new Set(findings.map((finding) => codeOf(finding) ?? ""))].filter((code) => code !== "");
  const told = kinds.flatMap((code) => {
    const places = findings.flatMap((finding, nth) => (codeOf(finding) === code ? [nth] : []));
    const [first = 0] = places;
    const [finding, future] = [findings[first], futures[first]];
    if (finding === undefined || future === undefined) return [];
    const names = places.map((nth) => futures[nth]?.name ?? "").join(", ");
    const { trouble } = finding;
    const detail = trouble?.kind === "violation" ? trouble.failure.detail : code;
    return [`\n${code}: ${places.length}: ${names}`, `${future.name}: ${detail}`, finding.script.trimEnd()];
  });
  return [
    `${findings.length} futures from ${printTime(at)} on; what is before it has the digest ${[...pasts].join(" and ")}`,
    `${findings.length - failing} all well, ${failing} failed`,
    ...told,
  ].join("\n");
}
