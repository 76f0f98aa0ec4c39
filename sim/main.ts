/** The simulator as a program: seeds or a script in, a verdict and a digest out. */
import { EXIT, Usage } from "./cli/command.ts";
import { parseArguments } from "./cli/commands.ts";
import { unreachable } from "../kernel/assert.ts";

async function main(line: readonly string[]): Promise<number> {
  const parsed = parseArguments(line);
  switch (parsed.kind) {
    case "help":
      process.stdout.write(parsed.text);
      return EXIT.ok;
    case "wrong":
      return refuse(parsed.what, parsed.of);
    case "command":
      try {
        return await parsed.run();
      } catch (error) {
        if (error instanceof Usage) return refuse(error.message, parsed.name);
        process.stderr.write(`${String(error)}\n`);
        return EXIT.failed;
      }
    default:
      return unreachable(parsed);
  }
}

function refuse(what: string, name: string | null): number {
  process.stderr.write(`sim: ${what}\nnpm run sim -- ${name === null ? "" : `${name} `}--help tells more\n`);
  return EXIT.usage;
}

process.exitCode = await main(process.argv.slice(2));
