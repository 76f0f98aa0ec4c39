/**
 * Gossip packets: one CBOR map a datagram. An entry that we cannot use (a path that is not in normal form, an id of
 * another length) is dropped alone; a packet of another shape is refused whole.
 * Source: specification of gossip, section 2.
 */
import { unreachable } from "../assert.ts";
import { type Digest, type ImageId, type MachineId, type VPath, compareVPath, parseVPath } from "../ids.ts";
import { type Result, accepted, refused } from "../result.ts";
import { fromHex } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "./cbor.ts";
import type { CborRefusal } from "./guard.ts";
import { PACKET_RECEIVE_BYTES_MAX } from "./limits.ts";
import { type Members, readDigest, readImageId, readMachineId, readMembers, readUnsigned } from "./shape.ts";

/** A download as its server reports it. */
export type Progress = {
  readonly image: ImageId;
  /** Bits 0 to 14: slices complete; bit 15: the index is there. */
  readonly mask: number;
  /** A client that has the image is connected there. */
  readonly source: boolean;
  readonly stalled: boolean;
};

export type Watches = ReadonlyMap<VPath, readonly MachineId[]>;

export type BaseDirs = {
  readonly type: "BaseDirs";
  readonly inProgress: ReadonlyMap<VPath, Progress>;
  readonly watching: readonly VPath[];
  readonly deleted: readonly (readonly [VPath, ImageId])[];
  readonly baseDirs: ReadonlyMap<VPath, Digest>;
  readonly complete: ReadonlyMap<VPath, ImageId>;
};

export type GossipMessage =
  | BaseDirs
  | {
      readonly type: "Downloading";
      readonly path: VPath;
      readonly image: ImageId;
      readonly mask: number;
      readonly source: boolean;
      readonly watches: readonly MachineId[];
    }
  | { readonly type: "Reconcile"; readonly path: VPath; readonly digest: Digest; readonly watches: Watches }
  | { readonly type: "Complete"; readonly path: VPath; readonly image: ImageId }
  | { readonly type: "CompleteAck"; readonly path: VPath }
  | { readonly type: "ConfigSync"; readonly paths: readonly VPath[] };

export type Packet = {
  readonly machine: MachineId;
  /** What the sender believes our config list's digest to be. */
  readonly yourConfig: Digest | null;
  readonly message: GossipMessage;
};

export type PacketRefusal = CborRefusal | "packet_too_large" | "bad_field" | "unknown_message";

export function decodePacket(bytes: Uint8Array): Result<Packet, PacketRefusal> {
  if (bytes.length > PACKET_RECEIVE_BYTES_MAX) return refused("packet_too_large", `${bytes.length} bytes`);
  const decoded = decodeCbor(bytes, "ignore");
  if (!decoded.ok) return decoded;
  const members = readMembers(decoded.value);
  const machine = readMachineId(members?.get("machine_id"));
  const yours = members?.get("your_config") ?? null;
  const yourConfig = yours === null ? null : readDigest(yours);
  const variant = members?.get("message");
  if (machine === null || (yours !== null && yourConfig === null)) return refused("bad_field");
  if (!Array.isArray(variant) || variant.length !== 2 || typeof variant[0] !== "string")
    return refused("bad_field");
  const body = readMembers(variant[1]);
  const message = body === null ? "bad_field" : readMessage(variant[0], body);
  return typeof message === "string" ? refused(message) : accepted({ machine, yourConfig, message });
}

function readMessage(type: string, body: Members): GossipMessage | PacketRefusal {
  switch (type) {
    case "BaseDirs":
      return readBaseDirs(body) ?? "bad_field";
    case "Downloading": {
      const path = readPath(body.get("path"));
      const image = readImageId(body.get("image"));
      const mask = readMask(body.get("mask"));
      const source = body.get("source");
      if (path === null || image === null || mask === null || typeof source !== "boolean") return "bad_field";
      return { type, path, image, mask, source, watches: readMachines(body.get("watches")) };
    }
    case "Reconcile": {
      const path = readPath(body.get("path"));
      const digest = readDigest(body.get("hash"));
      if (path === null || digest === null) return "bad_field";
      const watches = new Map<VPath, readonly MachineId[]>();
      for (const [key, list] of readMembers(body.get("watches")) ?? []) {
        const watched = readPath(key);
        if (watched !== null) watches.set(watched, readMachines(list));
      }
      return { type, path, digest, watches };
    }
    case "Complete": {
      const path = readPath(body.get("path"));
      const image = readImageId(body.get("image"));
      return path === null || image === null ? "bad_field" : { type, path, image };
    }
    case "CompleteAck": {
      const path = readPath(body.get("path"));
      return path === null ? "bad_field" : { type, path };
    }
    case "ConfigSync": {
      const paths = readPaths(body.get("paths"));
      return paths === null ? "bad_field" : { type, paths };
    }
    default:
      return "unknown_message";
  }
}

/** All five members are required. */
function readBaseDirs(body: Members): BaseDirs | null {
  const downloads = readMembers(body.get("in_progress"));
  const watching = readPaths(body.get("watching"));
  const gone = body.get("deleted");
  const dirs = readMembers(body.get("base_dirs"));
  const done = readMembers(body.get("complete"));
  if (downloads === null || watching === null || !Array.isArray(gone) || dirs === null || done === null)
    return null;
  const inProgress = new Map<VPath, Progress>();
  for (const [key, value] of downloads) {
    const path = readPath(key);
    const progress = readProgress(value);
    if (path !== null && progress !== null) inProgress.set(path, progress);
  }
  const deleted: (readonly [VPath, ImageId])[] = [];
  for (const value of gone as readonly unknown[]) {
    if (!Array.isArray(value) || value.length !== 2) continue;
    const path = readPath(value[0]);
    const image = readImageId(value[1]);
    if (path !== null && image !== null) deleted.push([path, image]);
  }
  return {
    type: "BaseDirs",
    inProgress,
    watching,
    deleted,
    baseDirs: readPathMap(dirs, readDigest),
    complete: readPathMap(done, readImageId),
  };
}

function readProgress(value: unknown): Progress | null {
  if (!Array.isArray(value) || value.length !== 4) return null;
  const image = readImageId(value[0]);
  const mask = readMask(value[1]);
  const [, , source, stalled] = value as readonly unknown[];
  if (image === null || mask === null || typeof source !== "boolean" || typeof stalled !== "boolean")
    return null;
  return { image, mask, source, stalled };
}

function readPathMap<T>(members: Members, read: (value: unknown) => T | null): ReadonlyMap<VPath, T> {
  const map = new Map<VPath, T>();
  for (const [key, value] of members) {
    const path = readPath(key);
    const each = read(value);
    if (path !== null && each !== null) map.set(path, each);
  }
  return map;
}

function readPath(value: unknown): VPath | null {
  return typeof value === "string" ? parseVPath(value) : null;
}

function readPaths(value: unknown): readonly VPath[] | null {
  return Array.isArray(value) ? value.map(readPath).filter((path) => path !== null) : null;
}

function readMachines(value: unknown): readonly MachineId[] {
  return Array.isArray(value) ? value.map(readMachineId).filter((id) => id !== null) : [];
}

function readMask(value: unknown): number | null {
  const mask = readUnsigned(value);
  return mask === null || mask > 0xffff ? null : mask;
}

export function encodePacket(packet: Packet): Uint8Array<ArrayBuffer> {
  return encodeCbor(
    new Map<string, Cbor>([
      ["machine_id", fromHex(packet.machine)],
      ["your_config", packet.yourConfig === null ? null : fromHex(packet.yourConfig)],
      ["message", [packet.message.type, new Map(membersOf(packet.message))]],
    ]),
  );
}

function membersOf(message: GossipMessage): readonly (readonly [string, Cbor])[] {
  switch (message.type) {
    case "BaseDirs":
      return [
        [
          "in_progress",
          sortedMap(message.inProgress, (each) => [
            fromHex(each.image),
            each.mask,
            each.source,
            each.stalled,
          ]),
        ],
        ["watching", message.watching.toSorted(compareVPath)],
        ["deleted", message.deleted.map(([path, image]) => [path, fromHex(image)])],
        ["base_dirs", sortedMap(message.baseDirs, fromHex)],
        ["complete", sortedMap(message.complete, fromHex)],
      ];
    case "Downloading":
      return [
        ["path", message.path],
        ["image", fromHex(message.image)],
        ["mask", message.mask],
        ["source", message.source],
        ...(message.watches.length > 0 ? ([["watches", message.watches.map(fromHex)]] as const) : []),
      ];
    case "Reconcile":
      return [
        ["path", message.path],
        ["hash", fromHex(message.digest)],
        ...(message.watches.size > 0
          ? ([["watches", sortedMap(message.watches, (ids) => ids.map(fromHex))]] as const)
          : []),
      ];
    case "Complete":
      return [
        ["path", message.path],
        ["image", fromHex(message.image)],
      ];
    case "CompleteAck":
      return [["path", message.path]];
    case "ConfigSync":
      return [["paths", message.paths.toSorted(compareVPath)]];
    default:
      return unreachable(message);
  }
}

function sortedMap<T>(map: ReadonlyMap<VPath, T>, write: (value: T) => Cbor): Cbor {
  const sorted = Array.from(map).toSorted(([a], [b]) => compareVPath(a, b));
  return new Map(sorted.map(([path, value]) => [path, write(value)]));
}
