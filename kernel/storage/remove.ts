/**
 * Removal of an image, tombstone first.
 *
 *   judge    the state is still the one that was judged, and nothing is promised
 *   floor    what is removed is written down: decided from here on, also for a start after a power cut
 *   hide     the image is renamed out of sight, and its parent is synced
 *   forget   the state goes, and its directory is synced; then the floor says that it is done
 *
 * The tree itself is deleted later, by whoever deletes displaced trees: a reader may still hold it.
 *
 * Source: reliability notes, section 2.4.
 */
import type { VPath } from "../ids.ts";
import { type ImageId, nameOf } from "../ids.ts";
import { versionOf } from "../winner.ts";
import type { Floor } from "../wire/floor-file.ts";
import { decodeState } from "../wire/state-file.ts";
import { readOwn } from "./aside.ts";
import { FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import { orElse, rename, root, statName, sync, unless, unlink, usingPath } from "./calls.ts";
import { putFloor, putRemoved, readFloor } from "./floor.ts";
import { STATE_BYTES_MAX, readIntent } from "./intent.ts";
import { imageFolders, imageName, stageName, stateFile, stateFolders } from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Place } from "./request.ts";

/**
 * RM1 to RM4. `stage` names what the tree becomes.
 *
 * Refuses: `state_changed`, `removal_begun`. Fails with `missing` when the base directory is not there: its disk may not be mounted.
 */
export function* remove(db: RootName, place: Place, floor: Floor, stage: string): StorageProgram<void> {
  const { path } = place;
  yield* usingPath(yield* root(db), stateFolders(path), function* (states) {
    yield* usingPath(yield* root(place.root), imageFolders(path), function* (base) {
      yield* judge(states, path, floor);
      const before = yield* readFloor(states, nameOf(path));
      try {
        yield* putRemoved(states, nameOf(path), { ...floor, removing: true });
        yield* finishRemoval(base, states, nameOf(path), floor, stage);
      } catch (failure) {
        if (!(failure instanceof FsFailure)) throw failure;
        if ((yield* unless("missing", statName(base, imageName(nameOf(path))))) !== null) {
          // Nothing of it was done, and a keep list may name the image before it is judged again. Where this fails too it
          // stays decided for the next start.
          yield* orElse(undefined, putFloor(states, nameOf(path), before));
          throw failure;
        }
        refuse("removal_begun", `${failure.code} (${failure.message})`);
      }
    });
  });
}

function* judge(states: Handle, path: VPath, { timestamp, image }: Floor): StorageProgram<void> {
  const name = nameOf(path);
  const own = yield* readOwn(states, stateFile(name), STATE_BYTES_MAX);
  // An earlier try got past the state and failed at what comes after it.
  if (own.kind === "missing" && (yield* hasFloor(states, name, timestamp, image))) return;
  const state = own.kind === "bytes" ? decodeState(own.bytes) : null;
  const version = state !== null && state.ok ? versionOf(state.value) : null;
  if (version?.image !== image || version.timestamp !== timestamp)
    refuse("state_changed", `${path} is not what was to be removed`);
  if ((yield* readIntent(states, name)) !== null) refuse("state_changed", `${path} is about to be replaced`);
}

function* hasFloor(states: Handle, name: string, timestamp: number, image: ImageId): StorageProgram<boolean> {
  const { removed } = yield* readFloor(states, name);
  if (removed === null || (yield* readIntent(states, name)) !== null) return false;
  return removed.timestamp === timestamp && removed.image === image;
}

/** RM3 and RM4; also what recovery has left to do when the floor is there and the state still is. */
export function* finishRemoval(
  base: Handle,
  states: Handle,
  name: string,
  floor: Floor,
  stage: string,
): StorageProgram<void> {
  if ((yield* unless("missing", statName(base, imageName(name)))) !== null)
    yield* rename(base, imageName(name), base, stageName(name, stage), "keep");
  yield* sync(base);
  yield* unless("missing", unlink(states, stateFile(name)));
  yield* sync(states);
  yield* putRemoved(states, name, { ...floor, removing: false });
}
