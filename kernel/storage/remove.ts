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
import { decodeFloor, encodeFloor, type Floor, type FloorFile } from "../wire/floor-file.ts";
import { decodeState } from "../wire/state-file.ts";
import { readOwn, replaceFile } from "./aside.ts";
import { FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import { orElse, rename, root, statName, sync, unless, unlink, usingPath } from "./calls.ts";
import { STATE_BYTES_MAX, readIntent } from "./intent.ts";
import { floorFile, imageFolders, imageName, stageName, stateFile, stateFolders } from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Place } from "./request.ts";

/** Temporary name of a floor that is replaced; its path's lock excludes other writers. */
const FLOOR_TAG = "floor";

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
        yield* putFloor(states, nameOf(path), { ...floor, removing: true });
        yield* finishRemoval(base, states, nameOf(path), floor, stage);
      } catch (failure) {
        if (!(failure instanceof FsFailure)) throw failure;
        if ((yield* unless("missing", statName(base, imageName(nameOf(path))))) !== null) {
          yield* orElse(undefined, takeBack(states, nameOf(path), before)); // else it stays decided for the next start
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
  const floor = yield* readFloor(states, name);
  if (floor === null || (yield* readIntent(states, name)) !== null) return false;
  return floor.timestamp === timestamp && floor.image === image;
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
  yield* putFloor(states, name, { ...floor, removing: false });
}

/** Nothing of it was done: a keep list may name the image before it is judged again, and a start must not end it then. */
function* takeBack(states: Handle, name: string, before: FloorFile | null): StorageProgram<void> {
  if (before === null) {
    yield* unlink(states, floorFile(name));
    yield* sync(states);
  } else yield* putFloor(states, name, before);
}

function* readFloor(states: Handle, name: string): StorageProgram<FloorFile | null> {
  const own = yield* readOwn(states, floorFile(name), STATE_BYTES_MAX);
  const floor = own.kind === "bytes" ? decodeFloor(own.bytes) : null;
  return floor?.ok === true ? floor.value : null;
}

function* putFloor(states: Handle, name: string, floor: FloorFile): StorageProgram<void> {
  yield* replaceFile(states, floorFile(name), encodeFloor(floor), FLOOR_TAG);
}
