/** The floor of a path, in the folder of its states. Its path's lock excludes other writers. */
import { compareVersions } from "../winner.ts";
import {
  decodeFloor,
  encodeFloor,
  type Floor,
  type FloorFile,
  type RemovedFloor,
} from "../wire/floor-file.ts";
import { putFile, readOwn, replaceFile } from "./aside.ts";
import type { Handle, StorageProgram } from "./call.ts";
import { sync, unlink } from "./calls.ts";
import { floorFile } from "./names.ts";

const FLOOR_BYTES_MAX = 4_096; // two versions and a check have less than 250
const TAG = "floor";
const NOTHING: FloorFile = { removed: null, published: null };

/** One that is not there, or cannot be read as one, says nothing. */
export function* readFloor(states: Handle, name: string): StorageProgram<FloorFile> {
  const own = yield* readOwn(states, floorFile(name), FLOOR_BYTES_MAX);
  const floor = own.kind === "bytes" ? decodeFloor(own.bytes) : null;
  return floor?.ok === true ? floor.value : NOTHING;
}

/** What was published before stays said. Durable. */
export function* putRemoved(states: Handle, name: string, removed: RemovedFloor): StorageProgram<void> {
  const { published } = yield* readFloor(states, name);
  yield* putFloor(states, name, { removed, published });
}

/** Durable. */
export function* putFloor(states: Handle, name: string, floor: FloorFile): StorageProgram<void> {
  if (floor.removed === null && floor.published === null) {
    yield* unlink(states, floorFile(name));
    yield* sync(states);
  } else yield* replaceFile(states, floorFile(name), encodeFloor(floor), TAG);
}

/**
 * U2 and U16: what is about to get its state. Never lower: a backup or another program may bring less than was here. Its
 * name is durable with the next sync of the folder, that of the state: until then the promise says the same.
 *
 * Returns what it says now.
 */
export function* raiseFloor(states: Handle, name: string, version: Floor): StorageProgram<Floor> {
  const before = yield* readFloor(states, name);
  if (before.published !== null && compareVersions(version, before.published) <= 0) return before.published;
  const published = { timestamp: version.timestamp, image: version.image };
  yield* putFile(states, floorFile(name), encodeFloor({ removed: before.removed, published }), TAG);
  return published;
}
