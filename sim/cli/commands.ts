/** All commands by name, and the one that a command line asks for. */
import { type Command, type Prepared, Usage } from "./command.ts";
import { compareCommand } from "./compare.ts";
import { demoCommand } from "./demo.ts";
import { forkCommand } from "./fork.ts";
import { gossipCommand } from "./gossip.ts";
import { huntCommand } from "./hunt.ts";
import { keepCommand } from "./keep.ts";
import { mapCommand } from "./map.ts";
import { mergeCommand } from "./merge.ts";
import { mutantsCommand } from "./mutants.ts";
import { propertyCommand } from "./property.ts";
import { replayCommand } from "./replay.ts";
import { runCommand } from "./run.ts";
import { shrinkCommand } from "./shrink.ts";
import { speedCommand } from "./speed.ts";
import { swarmCommand } from "./swarm.ts";
import { sweepCommand } from "./sweep.ts";
import { whyCommand } from "./why.ts";

/** In the order of the help text. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["demo", demoCommand],
  ["run", runCommand],
  ["hunt", huntCommand],
  ["replay", replayCommand],
  ["shrink", shrinkCommand],
  ["why", whyCommand],
  ["keep", keepCommand],
  ["fork", forkCommand],
  ["compare", compareCommand],
  ["map", mapCommand],
  ["property", propertyCommand],
  ["merge", mergeCommand],
  ["mutants", mutantsCommand],
  ["sweep", sweepCommand],
  ["speed", speedCommand],
  ["swarm", swarmCommand],
  ["gossip", gossipCommand],
]);

export type ParsedArguments =
  | ({ readonly kind: "command"; readonly name: string } & Prepared)
  | { readonly kind: "help"; readonly text: string }
  /** `of`: the command whose line is wrong, as far as there is one. */
  | { readonly kind: "wrong"; readonly what: string; readonly of: string | null };

export function parseArguments(line: readonly string[]): ParsedArguments {
  const [first] = line;
  const named = first !== undefined && !first.startsWith("-");
  const name = named ? first : first === undefined ? "demo" : "run";
  const command = COMMANDS.get(name);
  if (command === undefined) {
    const what = `${name} is none of the commands ${[...COMMANDS.keys()].join(", ")}`;
    return { kind: "wrong", what, of: null };
  }
  if (line.includes("--help") || line.includes("-h")) {
    return { kind: "help", text: named ? `npm run sim -- ${command.usage}\n` : helpText() };
  }
  try {
    return { kind: "command", name, ...command.prepare(named ? line.slice(1) : line, name) };
  } catch (error) {
    if (error instanceof Usage) return { kind: "wrong", what: error.message, of: named ? name : null };
    throw error;
  }
}

function helpText(): string {
  return `npm run sim -- COMMAND ...

Runs the kernel in a simulated cluster under faults, and judges it.

${Array.from(COMMANDS.values(), ({ usage }) => usage).join("\n\n")}

--mutant NAME plants the bug test/mutants/NAME.mutant in a copy of the kernel. --jobs N is processes side by side, and
changes no result. \`run\` ends with \`digest HEX\`: the same for the same run, on every machine.
Exit: 0 all well, 1 a promise was broken, 2 two runs of one script differed, 64 a wrong command line, 70 the simulator
failed, 130 interrupted.
`;
}
