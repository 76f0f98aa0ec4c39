/** What `npm run sim` runs: packs the simulator's program and runs it in this process. */
import { EXIT } from "./cli/command.ts";
import { pack } from "./cli/pack.ts";

const { program } = await pack(new URL("./main.ts", import.meta.url), null);
process.once("SIGINT", () => process.exit(EXIT.interrupted));
await import(program.href);
