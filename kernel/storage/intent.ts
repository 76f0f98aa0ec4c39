/**
 * The state files of an image: `NAME.state` of what is committed, and `NAME.new.state` of what was promised. A promise
 * also says which stage it fills and how; 0.6.12 ignores these two members, and leaves them out.
 */
import type { VPath } from "../ids.ts";
import { nameOf } from "../ids.ts";
import { compareVersions, versionOf } from "../winner.ts";
import type { SignedState } from "../wire/signed-state.ts";
import { decodeState, decodeStateFile, encodeState } from "../wire/state-file.ts";
import { type OwnFile, discard, readOwn, replaceFile } from "./aside.ts";
import type { Handle, RootName, StorageProgram } from "./call.ts";
import { raiseFloor } from "./floor.ts";
import { root, statName, sync, unless, unlink, usingMadePath, usingPath } from "./calls.ts";
import {
  imageFolders,
  imageName,
  intentFile,
  parseTag,
  stageName,
  stateFile,
  stateFolders,
} from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Place, UploadMode } from "./request.ts";

/** 0.6.12 adds about 80 bytes at each upload and never trims the list. */
export const STATE_BYTES_MAX = 4 * 1024 * 1024;
/** Temporary name of a state that is replaced; its path's lock excludes other writers. */
const STATE_TAG = "state";

export type Intent = {
  readonly state: SignedState;
  /** Null in a file of 0.6.12. */
  readonly stage: string | null;
  readonly mode: UploadMode;
};

export function encodeIntent(state: SignedState, stage: string, mode: UploadMode): Uint8Array {
  return encodeState(state, { stage, mode });
}

export function decodeIntent(bytes: Uint8Array): Intent | null {
  const file = decodeStateFile(bytes);
  if (!file.ok) return null;
  const { state, promise } = file.value;
  const stage = parseTag(promise?.stage);
  return { state, stage, mode: stage !== null && promise?.mode === "append" ? "append" : "replace" };
}

/**
 * U3. What stands at the destination without a state of ours belongs to somebody else. A start that could not read all
 * states does not know what is here: nothing smaller takes the place of what is. A state whose image is gone is no reason:
 * whoever promises another one has waited for it in vain.
 */
export function* putIntent(
  db: RootName,
  place: Place,
  state: SignedState,
  stage: string,
  mode: UploadMode,
): StorageProgram<void> {
  const name = nameOf(place.path);
  const stands = yield* standsAt(place);
  yield* usingMadePath(yield* root(db), stateFolders(place.path), function* (dir) {
    if (stands && mode === "append" && (yield* unless("missing", statName(dir, stateFile(name)))) === null) {
      refuse("already_exists", `${place.path} is there and has no state`);
    }
    if (stands) yield* refuseOlder(dir, name, state);
    yield* replaceFile(dir, intentFile(name), encodeIntent(state, stage, mode), stage);
  });
}

function* refuseOlder(dir: Handle, name: string, offered: SignedState): StorageProgram<void> {
  const own = yield* readOwn(dir, stateFile(name), STATE_BYTES_MAX);
  const state = own.kind === "bytes" ? decodeState(own.bytes) : null;
  const [here, coming] = [state?.ok === true ? versionOf(state.value) : null, versionOf(offered)];
  if (here !== null && coming !== null && compareVersions(coming, here) < 0)
    refuse("older_than_present", `${here.timestamp} is here`);
}

function* standsAt(place: Place): StorageProgram<boolean> {
  const top = yield* root(place.root);
  const there = yield* unless(
    "missing",
    usingPath(top, imageFolders(place.path), (dir) => statName(dir, imageName(nameOf(place.path)))),
  );
  return there !== null;
}

/** The promise goes after the state is there: of what was accepted, one or the other is on disk at any moment. */
export function* putState(
  db: RootName,
  path: VPath,
  state: SignedState,
  supersedes: string | null,
): StorageProgram<void> {
  const name = nameOf(path);
  yield* usingMadePath(yield* root(db), stateFolders(path), function* (dir) {
    const version = versionOf(state);
    if (version !== null) yield* raiseFloor(dir, name, version);
    yield* replaceFile(dir, stateFile(name), encodeState(state), STATE_TAG);
    if (supersedes !== null) yield* dropIntent(dir, name, supersedes);
  });
}

/** The promise at a path, as its folder has it; null when there is none that can be read. */
export function* readIntent(dir: Handle, name: string): StorageProgram<Intent | null> {
  const own: OwnFile = yield* readOwn(dir, intentFile(name), STATE_BYTES_MAX);
  return own.kind === "bytes" ? decodeIntent(own.bytes) : null;
}

/**
 * Drops the promise, if it is still the one of this stage, then what was written for it: after a cut in between, the
 * stage belongs to nobody and is swept.
 */
export function* abort(db: RootName, place: Place, stage: string): StorageProgram<void> {
  const name = nameOf(place.path);
  yield* unless(
    "missing",
    usingPath(yield* root(db), stateFolders(place.path), (dir) => dropIntent(dir, name, stage)),
  );
  yield* discardStage(place, stage);
}

/** Unless another promise has taken its place. */
function* dropIntent(dir: Handle, name: string, stage: string): StorageProgram<void> {
  const intent = yield* readIntent(dir, name);
  if (intent === null || (intent.stage !== null && intent.stage !== stage)) return;
  yield* unlink(dir, intentFile(name));
  yield* sync(dir);
}

/** U15. A stage that a promise still waits for is not old. */
export function* deleteOld(db: RootName, place: Place, stage: string): StorageProgram<void> {
  const intent = yield* unless(
    "missing",
    usingPath(yield* root(db), stateFolders(place.path), (dir) => readIntent(dir, nameOf(place.path))),
  );
  if (intent?.stage === stage) refuse("stage_incomplete", `${stage} is not committed`);
  yield* discardStage(place, stage);
}

function* discardStage(place: Place, stage: string): StorageProgram<void> {
  const name = nameOf(place.path);
  const top = yield* root(place.root);
  const discarded = usingPath(top, imageFolders(place.path), (dir) =>
    discard(dir, stageName(name, stage), name, stage),
  );
  yield* unless("name_too_long", unless("missing", discarded)); // no stage is made where its other names do not fit
}
