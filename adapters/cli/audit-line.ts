/** `ciruela audit`: its options, and what they decide. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ImageId, type VPath, parseImageId } from "../../kernel/ids.ts";
import { type Result, accepted } from "../../kernel/result.ts";
import { listOption } from "./command-options.ts";
import { parseClusters } from "./entry-points.ts";
import type { Trouble } from "./exit.ts";
import { addReadCommand, dirOf, type ReadOptions, type ReadValues, readOptionsOf } from "./look-line.ts";

export type AuditCommand = ReadOptions & {
  readonly kind: "audit";
  readonly path: VPath;
  readonly expect: ImageId | null;
  readonly local: string | null;
  readonly index: string | null;
  readonly remember: string | null;
  /** Entry points of another cluster. */
  readonly against: readonly string[];
  readonly list: boolean;
};

export type AuditValues = ReadValues & {
  readonly dir?: string;
  readonly expect?: ImageId;
  readonly local?: string;
  readonly index?: string;
  readonly remember?: string;
  readonly against: readonly string[];
  readonly list?: true;
};

const EXAMPLES = `
Examples:
  ciruela audit -d /site/current node1
  ciruela audit -d /site/current --local ./build node1
  ciruela audit -d /site/current --remember current.ds1 node1
  ciruela audit -d /site/current --against other1.example.org --trusted-keys keys.pub node1

Every server of the cluster is asked for its index, which is verified and compared: with what is named, or else with
what the newest signature says. What is found, for each server:
  ok; wrong_image (a sound index of another image, with each entry that differs); corrupt_index (its last line is not
  the hash of the rest, with each entry that differs); wrong_id (the right entries under an id that is not theirs);
  not_as_listed; not_signed; absent; silent (no answer: nothing is known of it)
and for each entry: missing, extra, type, mode, content, target.

Exit status: 0 all as expected; 2 something differs; 64 options; 66 a local directory or index that is not there;
69 no server answers; 74 the local disk; 78 keys.`;

export function addAuditCommand(program: Command, write: (text: string) => void): void {
  addReadCommand(
    program,
    "audit",
    "Compare what every server of a cluster has at a path with what it should have.",
    EXAMPLES,
    [30_000, "30s"],
    write,
  )
    .requiredOption("-d, --dir <PATH>", "directory, such as /site/current")
    .addOption(new Option("--expect <HASH>", "image id that it should have").argParser(imageId))
    .option("--local <DIR>", "local directory that it should be")
    .option("--index <FILE>", "index that it should have, such as one that was remembered")
    .option("--remember <FILE>", "write the index there; if it is there already, compare with it")
    .addOption(
      listOption("--against <HOST>", "a server of another cluster that should have the same; repeatable"),
    )
    .option("--list", "list the entries of what was compared with");
}

function imageId(text: string): ImageId {
  const image = parseImageId(text.toLowerCase());
  if (image === null) throw new InvalidArgumentError("Write the 64 digits of an image id.");
  return image;
}

export function decideAudit(
  globals: { readonly port: number },
  values: AuditValues,
  words: readonly string[],
): Result<AuditCommand, Trouble> {
  const options = readOptionsOf("audit", globals, values, words);
  if (!options.ok) return options;
  const path = dirOf(values.dir ?? "");
  if (!path.ok) return path;
  const against = parseClusters(values.against, true);
  if (!against.ok) return against;
  return accepted({
    kind: "audit",
    path: path.value,
    expect: values.expect ?? null,
    local: values.local ?? null,
    index: values.index ?? null,
    remember: values.remember ?? null,
    against: against.value[0]?.entryPoints ?? [],
    list: values.list === true,
    ...options.value,
  });
}
