/** Rows, some at a time, each in a place of its own: what came out, and why. */
import { loopbackPlace, namespacePlace } from "./place.ts";
import type { Plant, Row } from "./row.ts";
import { roleOf } from "./role.ts";
import { Scene } from "./scene.ts";
import type { Commands } from "./template.ts";
import { Wrong } from "./wrong.ts";

export type Outcome =
  | { readonly kind: "green" }
  /** `logs` is empty where nothing ran. */
  | { readonly kind: "red"; readonly why: string; readonly logs: string }
  | { readonly kind: "skipped"; readonly why: string };
export type Result = { readonly row: Row; readonly outcome: Outcome; readonly seconds: number };

export type RunOptions = {
  readonly commands: Commands;
  readonly plant: boolean;
  readonly netns: boolean;
  readonly jobs: number;
};

const ROW_MS = 120_000; // those of auto-clean wait for two looks ten seconds apart, on every server
const LOG_LINES = 30;

const live = new Set<Scene>();

/** Ends all that runs, with its folders and namespaces. */
export async function stopAll(): Promise<void> {
  await Promise.all([...live].map((scene) => scene.close()));
}

/** Null when a row can be run; else the feature that a foreign command does not have. */
export function skipReason(row: Row, commands: Commands): string | null {
  const lacking = (row.needs ?? []).filter(({ role }) => commands[role].foreign && takesPart(row, role));
  if (lacking.length > 0)
    return lacking.map(({ role, feature }) => `the foreign ${role} has no ${feature}`).join("; ");
  const usesKey = commands.client.words.join(" ").includes("{key}");
  return usesKey && row.id.startsWith("key-") ? "the client's command names {key} itself" : null;
}

function takesPart(row: Row, role: string): boolean {
  return role === "client" || Array.from(row.cluster).some((letter) => roleOf(letter) === role);
}

/** @param told  each result as it comes */
export async function runRows(
  rows: readonly Row[],
  options: RunOptions,
  told: (result: Result) => void,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const queue = rows.map((row, at) => ({ row, number: at + 1 }));
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const began = performance.now();
      const why = skipReason(next.row, options.commands);
      const outcome: Outcome =
        why === null ? await runRow(next.row, next.number, options) : { kind: "skipped", why };
      const result = { row: next.row, outcome, seconds: (performance.now() - began) / 1_000 };
      results.push(result);
      told(result);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return results;
}

async function runRow(row: Row, number: number, options: RunOptions): Promise<Outcome> {
  const { commands, netns } = options;
  const { cluster } = row;
  const place = netns ? namespacePlace(number, cluster.length) : await loopbackPlace(number);
  const plant = options.plant ? row.plant : null;
  const scene = new Scene({ commands, place, cluster, plant });
  live.add(scene);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Wrong(`the row does not end in ${ROW_MS / 1_000} s`)), ROW_MS);
  });
  try {
    await Promise.race([row.run(scene).then(() => scene.alive()), late]);
    if (plant === null) return { kind: "green" };
    return red(scene, scene.planted ? `stays green although ${plant.what}` : `never comes to ${plant.at}`);
  } catch (error) {
    if (!(error instanceof Wrong)) return red(scene, `a bug of the suite: ${describe(error)}`);
    return plant === null ? red(scene, error.message) : judgePlant(scene, plant, error.message);
  } finally {
    clearTimeout(timer);
    await scene.close();
    live.delete(scene);
  }
}

/** A planted fault is found when it has acted and the judge says what it must. */
function judgePlant(scene: Scene, plant: Plant, why: string): Outcome {
  if (!scene.planted) return red(scene, `fails before ${plant.what}: ${why}`);
  if (!plant.says.test(why)) return red(scene, `${plant.what}, and the judge says another thing: ${why}`);
  return { kind: "green" };
}

function red(scene: Scene, why: string): Outcome {
  return { kind: "red", why, logs: scene.tails(LOG_LINES) };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
