/** The reader and the survey of the kernel as this process, the keys that they are to know, and why they failed. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PublicKey } from "../../kernel/config.ts";
import type { VPath } from "../../kernel/ids.ts";
import {
  createReader,
  type Reading,
  type ReadingCode,
  readingOf,
  step,
  type Wanted,
  wakeAt,
} from "../../kernel/reader.ts";
import type { Report } from "../../kernel/report.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import {
  createSurvey,
  step as surveyStep,
  type Surveyed,
  surveyed,
  wakeAt as surveyAt,
} from "../../kernel/survey.ts";
import { now } from "../clock.ts";
import { errnoOf } from "../config/text-file.ts";
import { printProblem } from "../config/problem.ts";
import { findPrivateKeys, type Means } from "../keys/private.ts";
import { parsePublicKeys } from "../keys/public.ts";
import { drive } from "./drive.ts";
import type { ReadOptions } from "./look-line.ts";
import { createSourceStorage } from "./source-storage.ts";
import { quoted } from "./text.ts";

/** Whose signatures are looked for. */
export type Trust = { readonly keys: readonly PublicKey[]; readonly mustBeSigned: boolean };

export const NO_TRUST: Trust = { keys: [], mustBeSigned: false };

export async function read(
  path: VPath,
  wanted: Wanted,
  options: Pick<ReadOptions, "port" | "entryPoints" | "deadlineMs">,
  { keys, mustBeSigned }: Trust,
  stop?: AbortSignal,
  report: (report: Report) => void = () => {},
): Promise<Reading> {
  const { entryPoints, deadlineMs, port } = options;
  const seed = randomBytes(16).toString("hex");
  const state = createReader({ path, wanted, entryPoints, deadlineMs, keys, mustBeSigned }, seed, now());
  await drive(
    { step: (event, at) => step(state, event, at), wakeAt: () => wakeAt(state) },
    {
      port,
      storage: await createSourceStorage(1),
      keys: [],
      report,
      ...(stop === undefined ? {} : { stop }),
    },
  );
  return readingOf(state) ?? { ok: false, code: "unreachable", detail: "" };
}

export async function survey(
  path: VPath | null,
  options: Pick<ReadOptions, "port" | "entryPoints" | "deadlineMs">,
): Promise<readonly Surveyed[]> {
  const { entryPoints, deadlineMs, port } = options;
  const state = createSurvey({ path, entryPoints, deadlineMs }, now());
  await drive(
    { step: (event, at) => surveyStep(state, event, at), wakeAt: () => surveyAt(state) },
    { port, storage: await createSourceStorage(1), keys: [], report: () => {} },
  );
  return surveyed(state);
}

function nothingIsSigned(): never {
  throw new Error("a reader signs nothing");
}

/** For reading, the public half of a key is enough, wherever the other one is. */
const PUBLIC_HALVES: Means = {
  held: (publicKey) => ({ publicKey, sign: nothingIsSigned }),
  ask: () => null,
};

/**
 * The keys of a file, of which one must have signed; else those of the user, of which one may have. Of the usual places
 * what cannot be read is left out: nothing is signed here.
 */
export function trustOf(
  options: Pick<ReadOptions, "trustedKeys" | "identityFiles" | "identityVariables">,
): Result<Trust, "keys"> {
  const { trustedKeys, identityFiles, identityVariables } = options;
  const choice = { files: identityFiles, variables: identityVariables };
  const found = findPrivateKeys(choice, process.env, PUBLIC_HALVES);
  const given = identityFiles.length > 0 || identityVariables.length > 0;
  if (given && found.problems.length > 0) return refused("keys", found.problems.join("; "));
  if (trustedKeys === null)
    return accepted({ keys: found.keys.map(({ publicKey }) => publicKey), mustBeSigned: false });
  let bytes: Buffer;
  try {
    bytes = readFileSync(trustedKeys);
  } catch (error) {
    return refused("keys", `--trusted-keys ${quoted(trustedKeys)} cannot be read (${errnoOf(error)})`);
  }
  const { keys: lasting, ending, problems } = parsePublicKeys(trustedKeys, bytes);
  const keys = [...lasting, ...ending.map(({ key }) => key)]; // what it has signed stays signed
  const [problem] = problems;
  if (problem !== undefined) return refused("keys", printProblem(problem));
  if (keys.length === 0) return refused("keys", `--trusted-keys ${quoted(trustedKeys)} has no key`);
  return accepted({ keys, mustBeSigned: true });
}

export const READING_WORDS: Readonly<Record<ReadingCode, string>> = {
  unreachable: "no server answered: check the hosts and the port",
  nothing_there: "no server has an image there: upload one with `ciruela sync`",
  index_invalid: "what a server sent is not what it says to be: look at that server",
  not_as_listed: "the servers list another image than they send: if one is arriving, try again in a moment",
  not_signed: "none of the trusted keys has signed it: look at who uploads there",
  no_such_file: "there is no such file in it: see `ciruela ls`",
  is_a_directory: "that is a directory: name a file",
  not_a_directory: "a part of that path is no directory: choose another",
  is_a_link: "that is a link: name the file that it leads to",
  unsupported: "its index is by an algorithm that uploads do not use: upload the whole directory",
  gone: "another version came before all of it was here: try again",
  local_disk: "it cannot be written here",
  deadline: "it could not be read in time: try again",
};

/** Codes whose words do not say all. */
const DETAILED: readonly ReadingCode[] = [
  "unreachable",
  "deadline",
  "index_invalid",
  "not_as_listed",
  "not_signed",
  "gone",
  "local_disk",
];

/** @param where  the path, and what of it */
export function readingSentence(where: string, { code, detail }: Extract<Reading, { ok: false }>): string {
  return `${where}: ${code}: ${READING_WORDS[code]}${DETAILED.includes(code) ? ` (${detail})` : ""}`;
}
