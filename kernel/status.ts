/**
 * Status pages as pure functions of a node. Values are JSON; what only the process knows (memory, threads) is added by
 * whoever serves them.
 *
 * Source: specification of behaviour, section 9.
 */
import { rfc3339 } from "./rfc3339.ts";
import { entriesOf, headOf } from "./catalog.ts";
import { type Download, progressMask } from "./fetch/state.ts";
import { peersOf } from "./gossip/view.ts";
import { type VPath, compareVPath, parseVPath } from "./ids.ts";
import type { NodeState } from "./node/state.ts";
import { percentDecode } from "./page.ts";
import type { Version } from "./winner.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The page of an exact path, or null when there is none. */
export function statusPage(node: NodeState, path: string): Json | null {
  if (path.startsWith("/list-dir/")) return listDir(node, path.slice("/list-dir".length));
  return PAGES.get(path)?.(node) ?? null;
}

const PAGES: ReadonlyMap<string, (node: NodeState) => Json> = new Map([
  ["/status/", status],
  ["/downloading/", downloading],
  ["/base-dirs/", baseDirs],
  ["/configs/", configs],
  ["/deleted/", deleted],
  ["/watching/", watching],
  ["/watched/", watched],
  ["/peers/", peers],
  ["/cluster/downloading/", clusterDownloading],
  ["/cluster/complete/", clusterComplete],
  ["/cluster/deleted/", clusterDeleted],
  ["/cluster/watching/", clusterWatching],
  ["/cluster/dirs/", clusterDirs],
  ["/cluster/configs/", clusterConfigs],
]);

function status(node: NodeState): Json {
  const { config, catalog, view } = node;
  return {
    machine_id: config.machine,
    hostname: config.hostname,
    state: node.phase,
    images: catalog.images,
    downloads: node.downloads.size,
    connections: node.links.conns.size,
    peers: { listed: view.listed.size, known: view.peers.size },
    datagrams_refused: { unlisted: view.unlisted, undecodable: view.undecodable },
    transfer: node.transfer,
    conflicts: Object.fromEntries([...node.reconcile.conflicts].map(([path, pair]) => [path, { ...pair }])),
    problems: [...node.problems].map(([about, what]) => ({ about, what })),
  };
}

function progressOf(download: Download, source: boolean): Json {
  const { intent, stalled } = download;
  return { image_id: intent.image, mask: progressMask(download), stalled, source };
}

function downloading(node: NodeState): Json {
  const all = [...node.downloads.values()].toSorted((a, b) => compareVPath(a.path, b.path));
  return Object.fromEntries(
    all.map((each) => [each.path, progressOf(each, node.watch.images.has(each.intent.image))]),
  );
}

function baseDirs(node: NodeState): Json {
  const pages: [string, Json][] = [];
  for (const [base, { digest, at }] of [...node.digests].toSorted(([a], [b]) => compareVPath(a, b))) {
    const entries = entriesOf(node.catalog, base);
    const running = entries.filter(([, entry]) => entry.intent !== null).length;
    const scan = { hash: digest, num_subdirs: entries.length, num_downloading: running, last_scan: at };
    pages.push([base, scan]);
  }
  return Object.fromEntries(pages);
}

function configs(node: NodeState): Json {
  return Object.fromEntries(
    node.config.directories.map(({ key, appendOnly, numLevels, autoClean }) => [
      key,
      { append_only: appendOnly, num_levels: numLevels, auto_clean: autoClean },
    ]),
  );
}

function deleted(node: NodeState): Json {
  return node.deleted.map(({ path, image }) => [path, image]);
}

function watching(node: NodeState): Json {
  return [...node.watch.paths.keys()].toSorted(compareVPath);
}

/** Paths that somebody else waits for: the image that is here, or that there is none. */
function watched(node: NodeState): Json {
  const paths = new Set(peersOf(node.view).flatMap((peer) => [...peer.watching]));
  return Object.fromEntries(
    [...paths].toSorted(compareVPath).map((path) => [path, committedAt(node, path)?.image ?? "absent"]),
  );
}

function committedAt(node: NodeState, path: VPath): Version | null {
  const end = path.lastIndexOf("/");
  const base = node.catalog.bases.get(path.slice(0, end) as VPath);
  return base?.entries.get(path.slice(end + 1))?.committed ?? null;
}

function peers(node: NodeState): Json {
  return Object.fromEntries(
    peersOf(node.view).map(({ machine, address, name }) => [
      machine,
      { id: machine, addr: address, hostname: name, name },
    ]),
  );
}

/** Heads of a base directory with their signatures. Reads what is in memory and touches nothing. */
function listDir(node: NodeState, text: string): Json | null {
  const named = text.endsWith("/") && text.length > 1 ? text.slice(0, -1) : text;
  const path = [named, percentDecode(named)]
    .map(parseVPath)
    .find((each) => each !== null && node.catalog.bases.has(each));
  if (path === undefined || path === null) return null;
  const page: [string, Json][] = [];
  for (const [name, entry] of entriesOf(node.catalog, path)) {
    const head = headOf(entry);
    if (head === null) continue;
    const signatures = head.signatures.map((bytes) => ({
      timestamp: rfc3339(head.timestamp),
      signature: `ssh-ed25519 ${base64(bytes)}`,
    }));
    page.push([name, { image: head.image, signatures }]);
  }
  return Object.fromEntries(page);
}

function clusterDownloading(node: NodeState): Json {
  return byMachine(node, (peer) =>
    Object.fromEntries(
      [...peer.inProgress].map(([path, { image, mask, stalled, source }]) => [
        path,
        { image_id: image, mask, stalled, source },
      ]),
    ),
  );
}

function clusterComplete(node: NodeState): Json {
  return byMachine(node, (peer) => [...peer.complete].map(([path, image]) => [path, image]));
}

function clusterDeleted(node: NodeState): Json {
  return byMachine(node, (peer) => peer.deleted.map(([path, image]) => [path, image]));
}

function clusterWatching(node: NodeState): Json {
  return byMachine(node, (peer) => [...peer.watching].toSorted(compareVPath));
}

function clusterDirs(node: NodeState): Json {
  const machines = new Map<VPath, string[]>();
  for (const { machine, configs: paths } of peersOf(node.view)) {
    for (const path of paths) machines.set(path, [...(machines.get(path) ?? []), machine]);
  }
  return Object.fromEntries([...machines].toSorted(([a], [b]) => compareVPath(a, b)));
}

function clusterConfigs(node: NodeState): Json {
  return byMachine(node, (peer) => ({
    hash: peer.configDigest,
    configs: [...peer.configs].toSorted(compareVPath),
  }));
}

function byMachine(node: NodeState, page: (peer: ReturnType<typeof peersOf>[number]) => Json): Json {
  return Object.fromEntries(peersOf(node.view).map((peer) => [peer.machine, page(peer)]));
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit < 4; digit++) {
      text += digit > left ? "=" : ALPHABET[(word >> (18 - digit * 6)) & 63];
    }
  }
  return text;
}
