/** The command line: words in, one decided command out. Nothing is read, opened or connected here. */
import { Argument, Command, CommanderError, Option } from "commander";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { VPath } from "../../kernel/ids.ts";
import type { ClusterJob, Confirm, UploadJob, UploadMode } from "../../kernel/uploader.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { ByteString } from "../../kernel/text.ts";
import {
  addCommand,
  confirmation,
  duration,
  fraction,
  HOSTS_MAX,
  integer,
  listOption,
  parseFilePath,
  redoOption,
} from "./command-options.ts";
import {
  addOldUploadOptions,
  decideOldUpload,
  OLD_UPLOAD_EXAMPLES,
  type OldUploadCommand,
  type OldUploadValues,
} from "./old-upload.ts";
import {
  addPatchOptions,
  decidePatch,
  PATCH_EXAMPLES,
  type PatchCommand,
  type PatchValues,
} from "./patch-line.ts";
import { addAuditCommand, type AuditCommand, type AuditValues, decideAudit } from "./audit-line.ts";
import { parseClusters } from "./entry-points.ts";
import type { Trouble } from "./exit.ts";
import { quoted } from "./text.ts";
import {
  addLookCommands,
  decideLook,
  LOOK_COMMANDS,
  type LookCommand,
  type LookValues,
} from "./look-line.ts";
import { FLAG_OF, parseDestination, parseUploadArgument } from "./upload-argument.ts";

export type SyncCommand = ClusterOptions & {
  readonly kind: "sync";
  /** In the order append, append-weak, replace, and within each as written. */
  readonly uploads: readonly UploadJob[];
  readonly dryRun: boolean;
};

/** One file of what stands at a virtual path, changed by an editor or taken from a local file. */
export type FileCommand = ClusterOptions & {
  readonly kind: "edit" | "put_file";
  readonly path: VPath;
  readonly file: ByteString;
  /** Of `put_file`. */
  readonly local: string;
  readonly redo: number;
  /** Of `edit`: nobody is asked. */
  readonly yes: boolean;
};

/** Those that `completion` has a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export type CommandLine =
  | SyncCommand
  | FileCommand
  | NewCommand
  | PatchCommand
  | OldUploadCommand
  | { readonly kind: "completion"; readonly shell: Shell }
  /** For stdout, with exit status 0. */
  | { readonly kind: "text"; readonly text: string }
  /** No command at all: 0.6.12 shows a hint on stderr and exits with 0. */
  | { readonly kind: "hint"; readonly text: string };

export const PORT = 24_783;
const DISK_THREADS = 4;
const THREADS_MAX = 64;

const EXAMPLES = `
Examples:
  ciruela sync --replace ./build:/site/current node1.example.org
  ciruela sync --append ./build:/site/v1.2.3 --replace ./build:/site/current node1 node2
  ciruela sync -m --append ./build:/site/v1.2.3 -- a1 a2 a3 -- b1 b2 b3
  ciruela sync --replace ./build:/site/current --json 10.0.0.1:24783
  ciruela edit -d /site/current -f /flags.json node1
  ciruela put-file -d /site/current -s rates.json -f /rates.json node1

Exit status: 0 uploaded; 1 source or destination; 2 keys, hosts, options; 3 refused, given up or
not finished in time, also when a part succeeded; 130 interrupted.`;

const COMPLETION_EXAMPLES = `
Examples:
  ciruela completion bash > /etc/bash_completion.d/ciruela
  ciruela completion zsh > /usr/local/share/zsh/site-functions/_ciruela
  ciruela completion fish > ~/.config/fish/completions/ciruela.fish

Exit status: 0 printed; 64 no such shell.`;

type ClusterValues = {
  readonly multiple?: true;
  readonly identity: readonly string[];
  readonly keyFromEnv: readonly string[];
  readonly earlyTimeout: number;
  readonly earlyFraction: number;
  readonly earlyHosts: number;
  readonly deadline: number;
  readonly confirm?: Confirm;
  readonly printProgress?: number;
  readonly json?: true;
};
type SyncValues = ClusterValues & {
  readonly append: readonly string[];
  readonly appendWeak: readonly string[];
  readonly replace: readonly string[];
  readonly dryRun?: true;
};
type FileValues = ClusterValues & {
  readonly dir: string;
  readonly file: string;
  readonly source?: string;
  readonly redo?: number;
  readonly yes?: true;
};
/** What one command has, the others have not: each takes its own. */
type AnyValues = SyncValues & FileValues & LookValues & AuditValues & PatchValues;
type Globals = { readonly port: number; readonly diskThreads: number };

export function parseCommandLine(words: readonly string[], version: string): Result<CommandLine, Trouble> {
  // All that follows the first `--` are entry points and further separators: commander would lose the latter.
  const end = words.indexOf("--");
  const options = end < 0 ? words : words.slice(0, end);
  const behind = end < 0 ? [] : words.slice(end);
  let shown = "";
  let found: Result<CommandLine, Trouble> | null = null;
  const program = describeClient(version, (text) => {
    shown += text;
  });
  const globals = () => program.opts<Globals>();
  const on = (name: string, decide: (values: AnyValues, hosts: readonly string[]) => typeof found): void => {
    const command = program.commands.find((each) => each.name() === name);
    command?.action((hosts: string[], values: AnyValues) => {
      found = decide(values, [...hosts, ...behind]);
    });
  };
  on("sync", (values, hosts) => decideSync(globals(), values, hosts));
  on("edit", (values, hosts) => decideFile("edit", globals(), values, hosts));
  on("put-file", (values, hosts) => decideFile("put_file", globals(), values, hosts));
  for (const name of LOOK_COMMANDS) on(name, (values, hosts) => decideLook(name, globals(), values, hosts));
  on("upload", (values, words_) => {
    const own = values as unknown as OldUploadValues; // its --replace is no list
    return decideOldUpload(optionsOf(globals(), values, []), own, words_);
  });
  on("patch", (values, hosts) =>
    decidePatch((clusters) => optionsOf(globals(), values, clusters), values, hosts),
  );
  on("audit", (values, hosts) => decideAudit(globals(), values, hosts));
  program.commands
    .find((each) => each.name() === "completion")
    ?.action((shell: Shell) => {
      found = accepted({ kind: "completion", shell });
    });
  try {
    program.parse(options, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return ofCommander(error, shown, version, words);
    throw error;
  }
  return found ?? accepted({ kind: "hint", text: hint(version) });
}

/** Commands that 0.6.12 has not: they end with other statuses. */
export const NEW_COMMANDS = [...LOOK_COMMANDS, "audit", "patch", "completion"] as const;
export type NewCommand = LookCommand | AuditCommand;
const COMMANDS = ["sync", "edit", "put-file", "upload", ...NEW_COMMANDS] as const;

/** The command that words mean, also where they cannot be read: the first that is one. */
export function commandIn(words: readonly string[]): (typeof COMMANDS)[number] | undefined {
  return words.flatMap((word) => COMMANDS.find((name) => name === word) ?? [])[0];
}

function see(name?: (typeof COMMANDS)[number]): string {
  return `see \`ciruela ${name === undefined ? "" : `${name} `}--help\``;
}

function hint(version: string): string {
  return `Ciruela ${version}: no command; try \`ciruela sync --help\` or \`ciruela --help\`\n`;
}

function ofCommander(
  error: CommanderError,
  shown: string,
  version: string,
  words: readonly string[],
): Result<CommandLine, Trouble> {
  if (error.code === "commander.help") return accepted({ kind: "hint", text: hint(version) });
  if (error.code === "commander.helpDisplayed" || error.code === "commander.version")
    return accepted({ kind: "text", text: shown });
  const [first = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const advice = more.join(" ").replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?");
  const sentence = first.replace(/'([^']*)'/g, (_, word: string) => quoted(word));
  const command = commandIn(words);
  return refused("usage", `${sentence.replace(/\.$/, "")}; ${advice === "" ? see(command) : advice}`);
}

/** All commands with their options, which `--help`, the completions and the manual show. */
export function describeClient(version: string, write: (text: string) => void): Command {
  const program = new Command("ciruela")
    .description("Uploads directories to clusters of servers, signed and swapped in atomically.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .addOption(
      new Option("--port <N>", "TCP port of every server that is named without one")
        .default(PORT)
        .argParser(integer(1, 65_535)),
    )
    .addOption(
      new Option("--disk-threads <N>", "threads that read and digest large trees; 0 or 1: none")
        .default(DISK_THREADS)
        .argParser(integer(0, THREADS_MAX)),
    )
    .addHelpText("after", EXAMPLES)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride();
  addUploadCommand(program, "sync", "Upload directories to clusters.", write)
    .addOption(uploadOption("append", "SRC:DEST", "upload to a new destination"))
    .addOption(
      uploadOption("append_weak", "SRC:DEST", "the same; another image at the destination is no error"),
    )
    .addOption(
      uploadOption("replace", "SRC:DEST[:OLD_ID]", "upload over what is there; with OLD_ID only over that"),
    )
    .option("--dry-run", "say what would be uploaded, how much is new, and what each server has there");
  addUploadCommand(program, "edit", "Edit one file of what stands at a path, in an editor.", write)
    .requiredOption("-d, --dir <PATH>", "directory, such as /site/current")
    .requiredOption("-f, --file <PATH>", "file in it, such as /data.json")
    .addOption(redoOption())
    .option("-y, --yes", "at a terminal, ask nothing")
    .addOption(new Option("--editor <PROGRAM>", "taken for scripts of 0.6.12, not used").hideHelp());
  addUploadCommand(program, "put-file", "Replace or add one file of what stands at a path.", write)
    .requiredOption("-d, --dir <PATH>", "directory, such as /site/current")
    .requiredOption("-s, --source <FILE>", "local file")
    .requiredOption("-f, --file <PATH>", "where it goes, such as /data.json")
    .addOption(redoOption());
  addOldUploadOptions(
    addUploadCommand(program, "upload", "Upload a directory; `sync` says more.", write, OLD_UPLOAD_EXAMPLES),
  );
  addLookCommands(program, write);
  addAuditCommand(program, write);
  addPatchOptions(
    addUploadCommand(
      program,
      "patch",
      "Change files of what stands at a path, all or none.",
      write,
      PATCH_EXAMPLES,
    ),
  );
  program
    .command("completion")
    .description("Print a script that lets a shell complete commands, options and files.")
    .helpOption("-h, --help", "print this help")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText("after", COMPLETION_EXAMPLES)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride();
  return program;
}

/** A command that uploads: when it is enough. */
function addUploadCommand(
  program: Command,
  name: string,
  about: string,
  write: (text: string) => void,
  examples = EXAMPLES,
): Command {
  return addCommand(program, name, about, examples, write)
    .option("-m, --multiple", "all entry points are one cluster; `--` separates clusters")
    .addOption(
      new Option("-e, --early-timeout <DUR>", "after this time enough servers are success")
        .default(30_000, "30s")
        .argParser(duration),
    )
    .addOption(
      new Option("--early-fraction <F>", "share of the servers that is enough")
        .default(750, "0.75")
        .argParser(fraction),
    )
    .addOption(
      new Option("--early-hosts <N>", "number of servers that is enough, if the share is less")
        .default(3)
        .argParser(integer(0, HOSTS_MAX)),
    )
    .addOption(
      new Option("-t, --deadline <DUR>", "then the upload has failed")
        .default(1_800_000, "30min")
        .argParser(duration),
    )
    .addOption(
      new Option(
        "--confirm <all|N>",
        "success only when all servers with the path, or so many, have been asked and say that they hold it; there is no early success then",
      ).argParser(confirmation),
    )
    .addOption(
      new Option("--print-progress <DUR>", "interval of lines about the progress (default: 30sec)").argParser(
        duration,
      ),
    );
}

function uploadOption(mode: UploadMode, form: string, about: string): Option {
  return listOption(`${FLAG_OF[mode]} <${form}>`, `${about}; repeatable`);
}

function decideSync(
  globals: Globals,
  values: SyncValues,
  words: readonly string[],
): Result<SyncCommand, Trouble> {
  const uploads: UploadJob[] = [];
  const taken = new Set<string>();
  const written = [
    ...values.append.map((text) => ["append", text] as const),
    ...values.appendWeak.map((text) => ["append_weak", text] as const),
    ...values.replace.map((text) => ["replace", text] as const),
  ];
  for (const [mode, text] of written) {
    const upload = parseUploadArgument(mode, text);
    if (!upload.ok) return upload;
    if (taken.has(upload.value.path)) {
      const path = quoted(upload.value.path);
      return refused("destination", `two uploads to ${path}: give each destination once`);
    }
    taken.add(upload.value.path);
    uploads.push(upload.value);
  }
  const clusters = parseClusters(words, values.multiple === true);
  if (!clusters.ok) return clusters;
  if (uploads.length === 0)
    return refused("usage", `nothing to upload: add --replace SRC:DEST or --append SRC:DEST; ${see("sync")}`);
  if (clusters.value.length === 0)
    return refused("usage", `no server to upload to: add a host at the end; ${see("sync")}`);
  const dryRun = values.dryRun === true;
  return accepted({ kind: "sync", uploads, dryRun, ...optionsOf(globals, values, clusters.value) });
}

function decideFile(
  kind: FileCommand["kind"],
  globals: Globals,
  values: FileValues,
  words: readonly string[],
): Result<FileCommand, Trouble> {
  const path = parseDestination(values.dir);
  if (!path.ok) return refused("destination", `--dir: ${path.detail}; write it as in --dir ${path.code}`);
  const file = parseFilePath(values.file);
  if (file === null) {
    const what = `--file ${quoted(values.file)} is no path of a file in a directory`;
    return refused("destination", `${what}; write it as in --file /data.json`);
  }
  const clusters = parseClusters(words, values.multiple === true);
  if (!clusters.ok) return clusters;
  const name = kind === "edit" ? "edit" : "put-file";
  if (clusters.value.length === 0) return refused("usage", `no server: add a host at the end; ${see(name)}`);
  return accepted({
    kind,
    path: path.value,
    file,
    local: values.source ?? "",
    redo: values.redo ?? 0,
    yes: values.yes === true,
    ...optionsOf(globals, values, clusters.value),
  });
}

function optionsOf(globals: Globals, values: ClusterValues, clusters: readonly ClusterJob[]): ClusterOptions {
  return {
    port: globals.port,
    diskThreads: globals.diskThreads,
    clusters,
    identityFiles: values.identity,
    identityVariables: values.keyFromEnv,
    earlyMs: values.earlyTimeout,
    earlyShare: values.earlyFraction,
    earlyHosts: values.earlyHosts,
    deadlineMs: values.deadline,
    confirm: values.confirm ?? null,
    progressMs: values.printProgress ?? null,
    json: values.json === true,
  };
}
