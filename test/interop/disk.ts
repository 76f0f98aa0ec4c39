/** What a server keeps of an image in its database, read from the files that both kinds share (storage.md 2 and 3). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { asArray, asHex, asMap, decode, encode, map } from "./cbor.ts";
import { imageOf, isSignedBy, type Key, payload, sign } from "./image.ts";
import { differs, type Tree, writeTree } from "./tree.ts";

export type State = {
  readonly image: string;
  readonly signatures: readonly { readonly timestamp: number; readonly bytes: Buffer }[];
};

export const stateFile = (db: string, path: string): string => `${db}/signatures${path}.state`;
export const runningFile = (db: string, path: string): string => `${db}/signatures${path}.new.state`;
export const indexFile = (db: string, id: string): string => `${db}/indexes/${id.slice(0, 2)}/${id}.ds1`;

/** Null when there is none. Throws on what is no state. */
export function readState(file: string): State | null {
  if (!existsSync(file)) return null;
  const fields = asMap(decode(readFileSync(file)));
  const signatures = asArray(fields.get("signatures")).map((each) => {
    const [timestamp, pair] = asArray(each);
    const bytes = asArray(pair)[1];
    return {
      timestamp: Number(timestamp),
      bytes: bytes instanceof Uint8Array ? Buffer.from(bytes) : Buffer.of(),
    };
  });
  return { image: asHex(fields.get("image")), signatures };
}

/** Null when a server has the tree at the path, with all that belongs to it: files, index, state, signatures. */
export function lacks(
  db: string,
  folder: string,
  path: string,
  content: Tree,
  keys: readonly Key[],
): string | null {
  const files = differs(folder, content);
  if (files !== null) return files;
  const { id, index } = imageOf(content);
  const state = readState(stateFile(db, path));
  if (state === null) return `there is no state of ${path}`;
  if (state.image !== id) return `the state of ${path} names ${state.image}, not ${id}`;
  const good = state.signatures.some(({ timestamp, bytes }) =>
    keys.some((key) => isSignedBy(key, payload(path, id, timestamp), bytes)),
  );
  if (!good) return `no signature in the state of ${path} holds`;
  if (existsSync(runningFile(db, path))) return `${path} is still being downloaded`;
  if (!existsSync(indexFile(db, id))) return `there is no index of ${id}`;
  return readFileSync(indexFile(db, id)).equals(index)
    ? null
    : `the index of ${id} is not what the tree makes`;
}

/** Writes an image as it stands on a server's disk since it came there; the server must not run. */
export function plantImage({
  db,
  folder,
  path,
  content,
  signedAt,
  key,
}: {
  readonly db: string;
  readonly folder: string;
  readonly path: string;
  readonly content: Tree;
  readonly signedAt: number;
  readonly key: Key;
}): void {
  const { id, index } = imageOf(content);
  const signature = ["ssh-ed25519", sign(key, payload(path, id, signedAt))];
  const state = map({ image: Buffer.from(id, "hex"), signatures: [[BigInt(signedAt), signature]] });
  writeTree(folder, content);
  for (const [file, bytes] of [
    [indexFile(db, id), index],
    [stateFile(db, path), encode(state)],
  ] as const) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

/** Names of the images in a folder: temporary ones begin with a dot. */
export function imagesIn(folder: string): readonly string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => !name.startsWith("."))
        .sort((a, b) => (a < b ? -1 : 1))
    : [];
}
