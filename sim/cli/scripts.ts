/** `replay`, `shrink`, `why` and `keep`: one seed or one script, and what becomes of it. */
import { access, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Finding } from "../check.ts";
import type { Command } from "./arguments.ts";
import { describeTrouble } from "./text.ts";
import { EXIT, findingOf, type Of, readScript, Usage, type Work, workOf } from "./work.ts";

const RUNS_MAX = 3_000;
const KEPT = new URL("../../test/sim/scripts/", import.meta.url);

type One<K extends Command["kind"]> = Extract<Command, { kind: K }>;

export async function replay(command: One<"replay">): Promise<number> {
  const { what, mutant } = command;
  if (what.kind !== "script") throw new Usage("replay takes a script");
  const text = what.file === "-" ? "" : await readScript(what.file);
  const expected = /^\/\/ fails: (\w+)/m.exec(text)?.[1] ?? null;
  const work = await workOf(what);
  const finding = await findingOf(command, { of: work.of(0), twice: true, shrinkRunsMax: 0 });
  const code = codeOf(finding);
  if (finding.trouble !== null) {
    process.stdout.write(`${describeTrouble(work.nameOf(0), finding, { what: work.wordsOf(0), mutant })}\n`);
  } else {
    process.stdout.write(`${work.nameOf(0)}: all well\n`);
    for (const line of finding.idle) process.stdout.write(`does not apply any more: ${line}\n`);
  }
  if (expected !== null) {
    const now =
      code === expected ? "and still does" : `and now ${code === null ? "does not" : `fails with ${code}`}`;
    process.stdout.write(`it failed with ${expected} when it was written, ${now}\n`);
  }
  process.stdout.write(`digest ${finding.digest}\n`);
  return finding.trouble === null ? EXIT.ok : EXIT[finding.trouble.kind];
}

export async function shrink(command: One<"shrink">): Promise<number> {
  const { finding, script } = await smallest(command);
  if (finding.trouble === null) {
    process.stdout.write("all well: there is nothing to shrink\n");
    return EXIT.ok;
  }
  process.stdout.write(`// fails: ${codeOf(finding)}\n${script}`);
  return EXIT[finding.trouble.kind];
}

export async function why(command: One<"why">): Promise<number> {
  const work = await workOf(command.what);
  const finding = await findingOf(command, { of: work.of(0), twice: false, shrinkRunsMax: 0, story: true });
  if (finding.trouble === null) {
    process.stdout.write(`${work.nameOf(0)}: all well, nothing to explain\n`);
    return EXIT.ok;
  }
  process.stdout.write(`${(finding.story ?? []).join("\n")}\n`);
  return EXIT[finding.trouble.kind];
}

export async function keep(command: One<"keep">): Promise<number> {
  const file = new URL(`${command.name}.sim`, KEPT);
  const taken = await access(file).then(
    () => true,
    () => false,
  );
  if (taken) throw new Usage(`${command.name}.sim is there already`);
  const { finding, script, work } = await smallest(command);
  const { trouble } = finding;
  if (trouble?.kind !== "violation")
    throw new Usage(`${work.nameOf(0)} does not fail, so there is nothing to keep`);
  const found = command.mutant === null ? "" : ` with ${command.mutant} planted`;
  const head = [
    `// Found by ${work.nameOf(0)}${found}: ${trouble.failure.detail.split("\n")[0]}`,
    `// fails: ${trouble.failure.code}`,
  ];
  await writeFile(file, `${head.join("\n")}\n${script}`);
  process.stdout.write(`kept as ${fileURLToPath(file)}; npm test runs it from now on\n`);
  return EXIT.ok;
}

type Smallest = { readonly finding: Finding; readonly script: string; readonly work: Work };

async function smallest(command: One<"shrink"> | One<"keep">): Promise<Smallest> {
  const work = await workOf(command.what);
  const of: Of = work.of(0);
  const finding = await findingOf(command, { of, twice: false, shrinkRunsMax: RUNS_MAX });
  const shrunk = finding.trouble?.kind === "violation" ? finding.trouble.shrunk : null;
  return { finding, script: shrunk ?? finding.script, work };
}

function codeOf({ trouble }: Finding): string | null {
  if (trouble === null) return null;
  return trouble.kind === "violation" ? trouble.failure.code : trouble.kind;
}
