/** `ciruela completion SHELL`: a script for both programs, from the tables of `--help`. */
import { describeServer } from "../../config/server-options.ts";
import { describeClient, type Shell } from "../command-line.ts";
import { type Table, tableOf } from "../option-table.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const WRITERS: Readonly<Record<Shell, (programs: readonly Table[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export function completionOf(shell: Shell, version: string): string {
  const client = tableOf((write) => describeClient(version, write));
  const server = tableOf((write) => describeServer(version, write));
  return WRITERS[shell]([client, server]);
}
