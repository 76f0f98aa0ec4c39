/** `run`: seeds or a script, a verdict and a digest. */
import { createHash } from "node:crypto";
import type { Finding } from "../check.ts";
import type { Command } from "./arguments.ts";
import { writeResults } from "./results.ts";
import { describeGreen, describeTrouble } from "./text.ts";
import { EXIT, findingOf, findingsOf, workOf } from "./work.ts";

const TWICE_EACH = 10; // of many seeds, one in so many is run a second time

export async function run(command: Extract<Command, { kind: "run" }>): Promise<number> {
  const { what, mutant, jobs, shrink, check, trace, shard, out } = command;
  const work = await workOf(what, shard);
  if (trace) {
    const finding = await findingOf(command, { of: work.of(0), twice: false, shrinkRunsMax: 0, trace: true });
    for (const line of finding.trace ?? []) process.stdout.write(`${line}\n`);
    return finding.trouble === null ? EXIT.ok : EXIT[finding.trouble.kind];
  }
  const began = performance.now();
  const findings = await findingsOf(
    { mutant, jobs },
    {
      count: work.count,
      task: (at) => ({
        of: work.of(at),
        twice: check || work.count === 1 || at % TWICE_EACH === 0,
        shrinkRunsMax: shrink ? 150 : 0,
      }),
    },
  );
  const last = findings.length - 1;
  const bad = findings[last];
  const seconds = (performance.now() - began) / 1000;
  const text =
    bad === undefined || bad.trouble === null
      ? describeGreen(work.name, findings, seconds)
      : describeTrouble(work.nameOf(last), bad, { what: work.wordsOf(last), mutant });
  process.stdout.write(`${text}\ndigest ${digestOf(findings)}\n`);
  if (out !== null) await writeResults(out, findings, work.nameOf);
  return bad?.trouble == null ? EXIT.ok : EXIT[bad.trouble.kind];
}

/** Of one run its own; of several, of all of them in their order. */
function digestOf(findings: readonly Finding[]): string {
  const [first, ...more] = findings.map(({ digest }) => digest);
  if (first !== undefined && more.length === 0) return first;
  return createHash("sha256")
    .update([first, ...more].join("\n"))
    .digest("hex")
    .slice(0, 32);
}
