/** The commands that look and change nothing: their options, and what they decide. All hosts are of one cluster. */
import { type Command, Option } from "commander";
import { type VPath, parseVPath } from "../../kernel/ids.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { ByteString } from "../../kernel/text.ts";
import { addCommand, duration, parseFilePath } from "./command-options.ts";
import { parseClusters } from "./entry-points.ts";
import type { Trouble } from "./exit.ts";
import { quoted } from "./text.ts";
import { parseDestination } from "./upload-argument.ts";

/** Of every command that reads from one cluster. */
export type ReadOptions = {
  readonly port: number;
  readonly entryPoints: readonly string[];
  readonly identityFiles: readonly string[];
  readonly identityVariables: readonly string[];
  readonly trustedKeys: string | null;
  readonly deadlineMs: number;
  readonly json: boolean;
};

export type LookCommand = ReadOptions &
  (
    | { readonly kind: "ls"; readonly path: VPath; readonly file: ByteString | null }
    | { readonly kind: "cat"; readonly path: VPath; readonly file: ByteString }
    | { readonly kind: "get"; readonly path: VPath; readonly output: string }
    | { readonly kind: "status"; readonly path: VPath | null }
  );

export const LOOK_COMMANDS = ["ls", "cat", "get", "status"] as const;
type LookName = (typeof LOOK_COMMANDS)[number];

export type ReadValues = {
  readonly identity: readonly string[];
  readonly keyFromEnv: readonly string[];
  readonly trustedKeys?: string;
  readonly deadline: number;
  readonly json?: true;
};
export type LookValues = ReadValues & {
  readonly dir?: string;
  readonly file?: string;
  readonly output?: string;
};

const EXAMPLES = `
Examples:
  ciruela ls -d /site/current node1.example.org
  ciruela cat -d /site/current -f /data.json node1.example.org
  ciruela get -d /site/current -o ./copy node1.example.org node2.example.org
  ciruela status -d /site node1.example.org

Everything is verified: the index against its own hash and against what the server lists, blocks against the
index. With --trusted-keys one of these keys must have signed it.

Exit status: 0 done; 64 options; 65 what was sent is not what it says or not signed; 66 nothing is there;
69 no server answers; 74 the local disk; 75 try again; 78 keys; 130 interrupted.`;

export function addLookCommands(program: Command, write: (text: string) => void): void {
  const add = (name: LookName, about: string, deadline: readonly [ms: number, text: string]) =>
    addReadCommand(program, name, about, EXAMPLES, deadline, write);
  const dir = ["-d, --dir <PATH>", "directory, such as /site/current"] as const;
  add("ls", "List the files of what stands at a path.", [30_000, "30s"])
    .requiredOption(...dir)
    .option("-f, --file <PATH>", "only this file, or what is in this directory of it");
  add("cat", "Print a file of what stands at a path.", [30_000, "30s"])
    .requiredOption(...dir)
    .requiredOption("-f, --file <PATH>", "file in it, such as /data.json");
  add("get", "Fetch what stands at a path into a new directory.", [1_800_000, "30min"])
    .requiredOption(...dir)
    .requiredOption("-o, --output <DIR>", "directory that is to be; it appears when it is complete");
  add("status", "Show which server holds what, since when.", [30_000, "30s"]).option(
    "-d, --dir <PATH>",
    "an image, such as /site/current, or a base directory, such as /site (default: all)",
  );
}

/** A command that reads: keys that may be demanded, and how long it may take. */
export function addReadCommand(
  program: Command,
  name: string,
  about: string,
  examples: string,
  deadline: readonly [ms: number, text: string],
  write: (text: string) => void,
): Command {
  return addCommand(program, name, about, examples, write)
    .option("--trusted-keys <FILE>", "public keys as in authorized_keys; one must have signed what is read")
    .addOption(
      new Option("-t, --deadline <DUR>", "then it is given up").default(...deadline).argParser(duration),
    );
}

export function decideLook(
  name: LookName,
  globals: { readonly port: number },
  values: LookValues,
  words: readonly string[],
): Result<LookCommand, Trouble> {
  const options = readOptionsOf(name, globals, values, words);
  if (!options.ok) return options;
  if (name === "status") {
    const path = values.dir === undefined ? null : parseVPath(values.dir);
    if (values.dir !== undefined && path === null) return wrongDir(values.dir, "is no path", "/site");
    return accepted({ kind: name, path, ...options.value });
  }
  const dir = dirOf(values.dir ?? "");
  if (!dir.ok) return dir;
  const path = dir.value;
  if (name === "get") return accepted({ kind: name, path, output: values.output ?? "", ...options.value });
  const given = values.file;
  const file = given === undefined || (name === "ls" && given === "/") ? null : parseFilePath(given);
  if (given !== undefined && given !== "/" && file === null)
    return refused("destination", `--file ${quoted(given)} is no path; write it as in --file /data.json`);
  if (name === "ls") return accepted({ kind: name, path, file, ...options.value });
  if (file === null) return refused("destination", `--file ${quoted(given ?? "")} names no file`);
  return accepted({ kind: name, path, file, ...options.value });
}

export function dirOf(text: string): Result<VPath, Trouble> {
  const path = parseDestination(text);
  return path.ok ? path : wrongDir(text, path.detail, path.code);
}

function wrongDir(text: string, what: string, right: string): Result<never, Trouble> {
  return refused("destination", `--dir ${quoted(text)}: ${what}; write it as in --dir ${right}`);
}

export function readOptionsOf(
  name: string,
  { port }: { readonly port: number },
  values: ReadValues,
  words: readonly string[],
): Result<ReadOptions, Trouble> {
  const clusters = parseClusters(
    words.filter((word) => word !== "--"),
    true,
  );
  if (!clusters.ok) return clusters;
  const [cluster] = clusters.value;
  if (cluster === undefined)
    return refused("usage", `no server: add a host at the end; see \`ciruela ${name} --help\``);
  return accepted({
    port,
    entryPoints: cluster.entryPoints,
    identityFiles: values.identity,
    identityVariables: values.keyFromEnv,
    trustedKeys: values.trustedKeys ?? null,
    deadlineMs: values.deadline,
    json: values.json === true,
  });
}
