/** The simulator as a program: seeds or a script in, a verdict and a digest out. */
import { parseArguments } from "./cli/arguments.ts";
import { demo } from "./cli/demo.ts";
import { hunt } from "./cli/hunt.ts";
import { mutants } from "./cli/mutants.ts";
import { merge } from "./cli/results.ts";
import { run } from "./cli/run.ts";
import { keep, replay, shrink, why } from "./cli/scripts.ts";
import { unreachable } from "../kernel/assert.ts";
import { USAGE, USAGES } from "./cli/usage.ts";
import { EXIT, Usage } from "./cli/work.ts";

async function main(words: readonly string[]): Promise<number> {
  const parsed = parseArguments(words);
  if (!parsed.ok) throw new Usage(parsed.what);
  const { command } = parsed;
  switch (command.kind) {
    case "help": {
      const own = command.of === null || command.of === "demo" ? null : USAGES[command.of];
      process.stdout.write(own === null ? USAGE : `npm run sim -- ${own}\n`);
      return EXIT.ok;
    }
    case "demo":
      return await demo(command);
    case "run":
      return await run(command);
    case "hunt":
      return await hunt(command);
    case "replay":
      return await replay(command);
    case "shrink":
      return await shrink(command);
    case "why":
      return await why(command);
    case "keep":
      return await keep(command);
    case "merge":
      return await merge(command);
    case "mutants":
      return await mutants(command);
    default:
      return unreachable(command);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof Usage;
  process.stderr.write(usage ? `sim: ${error.message}\n\n${USAGE}` : `${String(error)}\n`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
