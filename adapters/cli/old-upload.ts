/** `ciruela upload`, which 0.6.12 has and deprecates: one directory to several `HOST:/PATH`, as uploads of `sync`. */
import { type Command, Option } from "commander";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { ClusterJob, UploadJob, UploadMode } from "../../kernel/uploader.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { integer } from "./command-options.ts";
import { parseClusters } from "./entry-points.ts";
import type { Trouble } from "./exit.ts";
import { quoted } from "./text.ts";
import { parseDestination } from "./upload-argument.ts";

/** Each part goes to all hosts that were named with one path. */
export type OldUploadCommand = ClusterOptions & {
  readonly kind: "upload";
  readonly parts: readonly { readonly job: UploadJob; readonly clusters: readonly ClusterJob[] }[];
};

export type OldUploadValues = {
  readonly directory?: string;
  readonly replace?: true;
  readonly failOnConflict: boolean;
  readonly port?: number;
  readonly diskThreads?: number;
};

export const OLD_UPLOAD_EXAMPLES = `
The way of old scripts; \`ciruela sync\` says more and knows when all servers of a cluster have it.

Example:
  ciruela upload -d ./build node1.example.org:/site/v1 node2.example.org:/site/v1

Exit status: 0 uploaded; 1 refused, given up, or no directory named; 2 keys, hosts, options, or a directory that
cannot be read.`;

export function addOldUploadOptions(command: Command): void {
  command
    .usage("[options] HOST:/PATH...")
    .option("-d, --directory <DIR>", "directory to upload")
    .option("--replace", "upload over what is there")
    .option("-x, --no-fail-on-conflict", "another image at the destination is no error")
    .addOption(new Option("--port <N>", "as before the command").argParser(integer(1, 65_535)))
    .addOption(new Option("--disk-threads <N>", "as before the command").argParser(integer(0, 64)));
}

export function decideOldUpload(
  options: ClusterOptions,
  { directory, replace, failOnConflict, port, diskThreads }: OldUploadValues,
  words: readonly string[],
): Result<OldUploadCommand, Trouble> {
  if (directory === undefined) return refused("destination", "no directory: add -d DIR");
  const mode: UploadMode = replace === true ? "replace" : failOnConflict ? "append" : "append_weak";
  const hosts = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf(":/");
    if (at < 1)
      return refused("usage", `${quoted(word)} is no HOST:/PATH, such as node1.example.org:/site/v1`);
    const path = word.slice(at + 1);
    hosts.set(path, [...(hosts.get(path) ?? []), word.slice(0, at)]);
  }
  if (hosts.size === 0) return refused("usage", "nowhere to upload to: add HOST:/PATH");
  const parts: OldUploadCommand["parts"][number][] = [];
  for (const [text, names] of hosts) {
    const path = parseDestination(text);
    if (!path.ok) return refused("usage", `${path.detail}; write it as in HOST:${path.code}`);
    const clusters = parseClusters(names, false);
    if (!clusters.ok) return clusters;
    const job = { source: directory as RootName, path: path.value, mode, oldImage: null };
    parts.push({ job, clusters: clusters.value });
  }
  return accepted({
    ...options,
    kind: "upload",
    parts,
    port: port ?? options.port,
    diskThreads: diskThreads ?? options.diskThreads,
  });
}
