/**
 * Who is told that an image is complete. A connection watches the paths that it has uploaded to, and declares images
 * whose blocks it can serve; both end with the connection. Anybody can declare: only who brought a good signature for an
 * image is known to mean it.
 *
 * Source: specification of the wire, section 10; of gossip, section 8.
 */
import type { Limits } from "../config.ts";
import type { ConnId, ImageId, VPath } from "../ids.ts";

type Own = {
  readonly paths: Set<VPath>;
  readonly images: Set<ImageId>;
  /** Its upload of these was accepted. */
  readonly uploaded: Set<ImageId>;
};

export type WatchState = {
  readonly paths: Map<VPath, Set<ConnId>>;
  readonly images: Map<ImageId, Set<ConnId>>;
  readonly byConn: Map<ConnId, Own>;
};

export function createWatch(): WatchState {
  return { paths: new Map(), images: new Map(), byConn: new Map() };
}

/** False when the connection watches as much as it may. */
export function watchPath(state: WatchState, conn: ConnId, path: VPath, limits: Limits): boolean {
  const own = ownOf(state, conn);
  if (!own.paths.has(path) && own.paths.size >= limits.watchesPerConnMax) return false;
  own.paths.add(path);
  addTo(state.paths, path, conn);
  return true;
}

/** False when the connection declares as many images as it may. */
export function declareImage(state: WatchState, conn: ConnId, image: ImageId, limits: Limits): boolean {
  const own = ownOf(state, conn);
  if (!own.images.has(image) && own.images.size >= limits.watchesPerConnMax) return false;
  own.images.add(image);
  addTo(state.images, image, conn);
  return true;
}

/** An upload of this connection was accepted: it has that image, also if its own word for it was lost on the way. */
export function uploadedImage(state: WatchState, conn: ConnId, image: ImageId, limits: Limits): void {
  const own = state.byConn.get(conn); // none: it has ended meanwhile
  if (own === undefined || own.uploaded.size >= limits.watchesPerConnMax) return;
  own.uploaded.add(image);
  own.images.add(image);
  addTo(state.images, image, conn);
}

export function isUploader(state: WatchState, conn: ConnId, image: ImageId): boolean {
  return state.byConn.get(conn)?.uploaded.has(image) === true;
}

export function connectionEnded(state: WatchState, conn: ConnId): { readonly images: readonly ImageId[] } {
  const own = state.byConn.get(conn);
  state.byConn.delete(conn);
  for (const path of own?.paths ?? []) removeFrom(state.paths, path, conn);
  for (const image of own?.images ?? []) removeFrom(state.images, image, conn);
  return { images: [...(own?.images ?? [])] };
}

/** Connections that are told about this image at this path, in the order of their numbers. */
export function toldAbout(state: WatchState, path: VPath, image: ImageId): readonly ConnId[] {
  const all = new Set([...(state.paths.get(path) ?? []), ...(state.images.get(image) ?? [])]);
  return [...all].toSorted((a, b) => a - b);
}

/** Connections that can serve an image, in the order of their numbers. */
export function servers(state: WatchState, image: ImageId): readonly ConnId[] {
  return [...(state.images.get(image) ?? [])].toSorted((a, b) => a - b);
}

function ownOf(state: WatchState, conn: ConnId): Own {
  const own: Own = state.byConn.get(conn) ?? { paths: new Set(), images: new Set(), uploaded: new Set() };
  state.byConn.set(conn, own);
  return own;
}

function addTo<K>(map: Map<K, Set<ConnId>>, key: K, conn: ConnId): void {
  const set = map.get(key) ?? new Set();
  set.add(conn);
  map.set(key, set);
}

function removeFrom<K>(map: Map<K, Set<ConnId>>, key: K, conn: ConnId): void {
  const set = map.get(key);
  set?.delete(conn);
  if (set?.size === 0) map.delete(key);
}
