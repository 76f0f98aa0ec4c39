/** `keep`: a failure becomes a test. */
import { access, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { command, EXIT, Usage } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { smallestOf } from "./smallest.ts";

const KEPT = new URL("../../test/sim/scripts/", import.meta.url);

export const keepCommand = command({
  usage: `keep (--seed N | FILE) --name WORDS [--mutant NAME]
  Shrinks a failure and files it as test/sim/scripts/WORDS.sim, where npm test runs it from then on.`,
  values: ["--seed", "--script", "--mutant", "--name"],
  words: [0, 1],
  parse(given) {
    const name = given.options.get("--name") ?? "";
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) throw new Usage("--name has to be words like late-join");
    return { what: whatOf(given), name, ...huntersOf(given) };
  },
  run: keep,
});

type Keep = Hunters & { readonly what: What; readonly name: string };

async function keep({ what, name, ...hunters }: Keep): Promise<number> {
  const file = new URL(`${name}.sim`, KEPT);
  const taken = await access(file).then(
    () => true,
    () => false,
  );
  if (taken) throw new Usage(`${name}.sim is there already`);
  const { finding, script, work } = await smallestOf(hunters, what);
  const { trouble } = finding;
  if (trouble?.kind !== "violation")
    throw new Usage(`${work.nameOf(0)} does not fail, so there is nothing to keep`);
  const found = hunters.mutant === null ? "" : ` with ${hunters.mutant} planted`;
  const head = [
    `// Found by ${work.nameOf(0)}${found}: ${trouble.failure.detail.split("\n")[0]}`,
    `// fails: ${trouble.failure.code}`,
  ];
  await writeFile(file, `${head.join("\n")}\n${script}`);
  process.stdout.write(`kept as ${fileURLToPath(file)}; npm test runs it from now on\n`);
  return EXIT.ok;
}
