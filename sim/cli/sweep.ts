/** `sweep`: every crash point of the storage programs, and everything that a power cut may leave there. */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { CrashModel } from "../disk.ts";
import { type Planted, plantEverywhere } from "../sweep/faults.ts";
import { STORIES, type Story } from "../sweep/stories.ts";
import { type Swept, sweepStory } from "../sweep/sweep.ts";
import { command, EXIT, type Given, Usage } from "./command.ts";
import { huntersOf } from "./options.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const MODELS: readonly CrashModel[] = ["weak", "ordered"];

export const sweepCommand = command({
  usage: `sweep [--story NAME] [--model weak|ordered] [--full] [--faults] [--jobs N] [--json]
  Cuts the power before and after every call of an upload, an append, a replace, a removal, a collection of indexes and
  starts, under both models of directories: all subsets of up to 12 changes that are not synced are judged, and cut
  again in the start. --full: larger images too. --faults: instead, each sync left out and each two steps swapped.`,
  values: ["--story", "--model", "--jobs"],
  flags: ["--full", "--faults", "--json"],
  parse: parseSweep,
  run: sweep,
});

type Asked = {
  readonly stories: readonly Story[];
  readonly models: readonly CrashModel[];
  readonly faults: boolean;
  readonly json: boolean;
  readonly jobs: number;
};

function parseSweep(given: Given): Asked {
  const { options, flags } = given;
  const name = options.get("--story");
  const known = STORIES.filter(({ isLarge }) => !isLarge || flags.has("--full") || name !== undefined);
  const stories = name === undefined ? known : known.filter((story) => story.name === name);
  if (stories.length === 0)
    throw new Usage(`${name} is none of the stories ${STORIES.map((each) => each.name).join(", ")}`);
  const model = options.get("--model");
  const models = model === undefined ? MODELS : MODELS.filter((each) => each === model);
  if (models.length === 0) throw new Usage(`${model} is none of the models ${MODELS.join(", ")}`);
  const jobs = huntersOf(given).jobs ?? availableParallelism();
  return { stories, models, faults: flags.has("--faults"), json: flags.has("--json"), jobs };
}

async function sweep(asked: Asked): Promise<number> {
  if (asked.faults) return sweepFaults(asked);
  const tasks = asked.stories.flatMap((story) => asked.models.map((how) => ({ story, how })));
  const swept: Swept[] = [];
  const alone = asked.jobs === 1 || tasks.length === 1;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
      const one = alone ? sweepStory(task.story, task.how) : await elsewhere(task.story, task.how);
      swept.push(one);
      process.stdout.write(asked.json ? `${JSON.stringify(one)}\n` : `${printed(one)}\n`);
      if (!asked.json) process.stderr.write(`${swept.length} of ${tasks.length} stories\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(asked.jobs, tasks.length) }, work));
  if (!asked.json) process.stdout.write(`${summary(swept)}\n`);
  return swept.every(isWell) ? EXIT.ok : EXIT.violation;
}

/** In a process of its own. */
async function elsewhere({ name }: Story, how: CrashModel): Promise<Swept> {
  const words = [...process.execArgv, MAIN, "sweep", "--story", name, "--model", how, "--json"];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: ANSWER_BYTES_MAX });
    return JSON.parse(stdout) as Swept;
  } catch (failure) {
    const { code, stdout } = failure as { readonly code?: unknown; readonly stdout?: string };
    if (code === EXIT.violation && stdout !== undefined) return JSON.parse(stdout) as Swept;
    throw failure;
  }
}

function isWell({ wrong, points, covered }: Swept): boolean {
  return wrong.length === 0 && points === covered;
}

function printed({ story, how, points, covered, subsets, states, again, wrong }: Swept): string {
  const first = `${story}, ${how}: ${covered} of ${points} points, ${subsets} subsets, ${states} states that differ`;
  const second = `cut again: ${again.points} points, ${again.subsets} subsets, ${again.states} more states`;
  return [`${first}; ${second}`, ...wrong.map((each) => `  WRONG ${each}`)].join("\n");
}

function summary(swept: readonly Swept[]): string {
  const sum = (of: (each: Swept) => number): number => swept.reduce((total, each) => total + of(each), 0);
  const points = sum((each) => each.points + each.again.points);
  const subsets = sum((each) => each.subsets + each.again.subsets);
  const states = sum((each) => each.states + each.again.states);
  const share =
    (100 * sum((each) => each.covered)) /
    Math.max(
      1,
      sum((each) => each.points),
    );
  const wrong = sum((each) => each.wrong.length);
  return `${share.toFixed(0)} % of the points covered, ${points} with those of starts; ${subsets} subsets, ${states} states that differ; ${wrong === 0 ? "none is wrong" : `${wrong} WRONG`}`;
}

function sweepFaults({ stories, json }: Asked): number {
  const all: Planted[] = [];
  for (const story of stories) {
    for (const each of plantEverywhere(story)) {
      all.push(each);
      const found = each.found ?? (each.harmless === null ? "NOT FOUND" : `harmless: ${each.harmless}`);
      process.stdout.write(json ? `${JSON.stringify(each)}\n` : `${story.name}, ${each.bug}\n    ${found}\n`);
    }
  }
  const killed = all.filter(({ found }) => found !== null).length;
  const harmless = all.filter((each) => each.harmless !== null).length;
  const missed = all.length - killed - harmless;
  if (!json)
    process.stdout.write(
      `${killed} of ${all.length} are found, ${harmless} are harmless, ${missed} are neither\n`,
    );
  return missed === 0 ? EXIT.ok : EXIT.violation;
}
