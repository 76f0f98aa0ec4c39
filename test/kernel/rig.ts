/** One node, event by event: what the disk and the verifier are asked stays open until a test answers it. */
import { type Config, DEFAULT_LIMITS, type DirectoryConfig, directoryConfig } from "../../kernel/config.ts";
import type { DiskRequest, Effect } from "../../kernel/effect.ts";
import type { DiskResult, Event } from "../../kernel/event.ts";
import type {
  Address,
  BlockHash,
  ConnId,
  ImageId,
  MachineId,
  MonoMs,
  OpId,
  UnixMs,
  VPath,
} from "../../kernel/ids.ts";
import { addDirectory, addFile, build, createBuilder } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { createNode, type NodeState, step, wakeAt } from "../../kernel/node.ts";
import type { PublicKey } from "../../kernel/signature/public-key.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { DiskValue, FoundImage, LastRun } from "../../kernel/storage/request.ts";
import type { ByteString } from "../../kernel/text.ts";
import type { SignedState } from "../../kernel/wire/signed-state.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message, Request, Response } from "../../kernel/wire/message.ts";
import {
  type BaseDirs,
  decodePacket,
  encodePacket,
  type GossipMessage,
  type Packet,
} from "../../kernel/wire/packet.ts";

export const SELF = "00".repeat(16) as MachineId;
export const machineOf = (number: number): MachineId => number.toString(16).padStart(32, "0") as MachineId;
export const addressOf = (number: number): Address => `10.0.0.${number}:24783` as Address;
export const imageOf = (number: number): ImageId => number.toString(16).padStart(64, "0") as ImageId;
export const pathOf = (name: string): VPath => `/site/${name}` as VPath;
export const WALL = 1_700_000_000_000;

const ZERO = { bytes: 0, blocks: 0 };
const NO_TRANSFER = { fetched: ZERO, reused: ZERO, linked: ZERO, served: ZERO };

/** The packet of a server at rest that has no base directory. */
export const NOTHING: BaseDirs = {
  type: "BaseDirs",
  inProgress: new Map(),
  watching: [],
  deleted: [],
  baseDirs: new Map(),
  complete: new Map(),
};

/** Signed at these times, by bytes that only `rig.verify` takes for signatures. */
export function stateOf(image: ImageId, ...timestamps: readonly number[]): SignedState {
  return { image, signatures: timestamps.map((timestamp) => ({ timestamp, bytes: new Uint8Array(64) })) };
}

/** What a start finds at a path: this state, and nothing else but what `more` says. */
export function found(
  path: VPath,
  committed: SignedState | null,
  more: Partial<FoundImage> = {},
): FoundImage {
  return { path, committed, missing: false, intent: null, floor: null, published: null, ...more };
}

export function directoryOf(key: string, more: RigOptions["settings"] = {}): DirectoryConfig {
  return directoryConfig({
    key,
    root: `/srv/${key}` as RootName,
    appendOnly: false,
    numLevels: 1,
    uploadKeys: [],
    autoClean: false,
    keepListFile: null,
    keepMin: 2,
    keepMax: 100,
    keepRecentMs: 172_800_000,
    ...more,
  });
}

export type Pending = { readonly op: OpId; readonly request: DiskRequest };
export type Rig = ReturnType<typeof createRig>;

export type RigOptions = {
  readonly keys?: readonly string[];
  readonly peers?: number;
  readonly settings?: Partial<Omit<DirectoryConfig, "configHash">>;
};

export function createRig(more: RigOptions = {}) {
  const directories = (more.keys ?? ["site"]).map((key) => directoryOf(key, more.settings));
  const config: Config = {
    machine: SELF,
    hostname: "n0",
    port: 24783,
    directories,
    acceptUnlisted: false,
    limits: DEFAULT_LIMITS,
  };
  let mono = 0;
  let error = 0;
  const now = () => ({ mono: mono as MonoMs, wall: (WALL + error + mono) as UnixMs });
  const node: NodeState = createNode(config, "rig", now());
  const pending: Pending[] = [];
  const saved: UnixMs[] = [];
  const verifies: OpId[] = [];
  const all: Effect[] = [];

  function feed(event: Event): readonly Effect[] {
    const effects = step(node, event, now());
    for (const effect of effects) {
      all.push(effect);
      if (effect.kind === "disk" && effect.request.kind === "save_time") {
        saved.push(effect.request.time);
        step(
          node,
          { kind: "disk_done", op: effect.op, result: { ok: true, value: { kind: "done" } } },
          now(),
        );
      } else if (effect.kind === "disk") pending.push({ op: effect.op, request: effect.request });
      if (effect.kind === "verify") verifies.push(effect.op);
    }
    return effects;
  }

  const rig = {
    node,
    pending,
    /** What of the clock was written down: that is answered at once. */
    saved,
    verifies,
    /** Every effect so far. */
    all,
    feed,
    now,
    /** Sets the wall clock. */
    setClock(ms: number): void {
      error += ms;
    },
    wait(ms: number): readonly Effect[] {
      mono += ms;
      return mono >= wakeAt(node) ? feed({ kind: "wake" }) : [];
    },
    start(found: readonly FoundImage[] = [], lastRun: Partial<LastRun> = {}): readonly Effect[] {
      const master = ["11".repeat(32) as PublicKey];
      feed({ kind: "keys_changed", keys: { master, named: new Map(), ending: [] } });
      const peers = Array.from({ length: more.peers ?? 2 }, (_, at) => ({
        address: addressOf(at + 1),
        name: `n${at + 1}`,
      }));
      feed({ kind: "peers_resolved", peers });
      feed({ kind: "wake" });
      return rig.done("recover", {
        kind: "recovered",
        found,
        transfer: NO_TRANSFER,
        wasClean: true,
        ranUntil: null,
        ...lastRun,
        problems: [],
        unread: [],
        complete: true,
      });
    },
    /** Answers the oldest open request of a kind. */
    disk(kind: DiskRequest["kind"], result: DiskResult): readonly Effect[] {
      const at = pending.findIndex(({ request }) => request.kind === kind);
      const found = pending[at];
      if (found === undefined)
        throw new Error(`no ${kind} among ${pending.map((each) => each.request.kind).join(" ")}`);
      pending.splice(at, 1);
      return feed({ kind: "disk_done", op: found.op, result });
    },
    done(kind: DiskRequest["kind"], value: DiskValue = { kind: "done" }): readonly Effect[] {
      return rig.disk(kind, { ok: true, value });
    },
    /** The disk takes the promise of an image of one block, has that block already, and commits. */
    commit(image: ImageId): readonly Effect[] {
      rig.done("put_intent");
      rig.done("load_index", { kind: "index", index: indexOf(image, 1) });
      rig.done("prepare_stage", stageLacking(1, []));
      return rig.done("commit");
    },
    open(conn: number, from = "10.9.9.9:40000"): readonly Effect[] {
      return feed({ kind: "conn_open", conn: conn as ConnId, address: from as Address, side: "accepted" });
    },
    frame(conn: number, message: Message): readonly Effect[] {
      return feed({ kind: "frame", conn: conn as ConnId, bytes: encodeFrame(message) });
    },
    request(conn: number, id: number, request: Request): readonly Effect[] {
      return rig.frame(conn, { kind: "request", id, request });
    },
    respond(conn: number, id: number, response: Response): readonly Effect[] {
      return rig.frame(conn, { kind: "response", id, response });
    },
    gossip(from: number, message: GossipMessage, machine = machineOf(from)): readonly Effect[] {
      const bytes = encodePacket({ machine, yourConfig: node.configDigest, message });
      return feed({ kind: "datagram", from: addressOf(from), bytes });
    },
    /** All of its signatures hold. */
    verify(): readonly Effect[] {
      const op = verifies.shift();
      if (op === undefined) throw new Error("nothing to verify");
      const waiting = node.waiting.get(op);
      const ticket = waiting?.kind === "verify" ? waiting.ticket : 0;
      const count = node.publish.uploads.get(ticket)?.version.signatures.length ?? 0;
      return feed({ kind: "verified", op, holds: Array.from({ length: count }, () => true) });
    },
    upload(conn: number, id: number, name: string, image: ImageId, timestamp = WALL): readonly Effect[] {
      const signatures = [new Uint8Array(64).fill(id)];
      rig.request(conn, id, {
        type: "ReplaceDir",
        oldImage: null,
        path: pathOf(name),
        image,
        timestamp,
        signatures,
      });
      return rig.verify();
    },
  };
  return rig;
}

export function sentFrames(effects: readonly Effect[], conn?: number): readonly Message[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== "send_frame" || (conn !== undefined && effect.conn !== conn)) return [];
    const decoded = decodeFrame(effect.bytes);
    return decoded.ok ? [decoded.message] : [];
  });
}

export function sentPackets(
  effects: readonly Effect[],
): readonly { readonly to: Address; readonly bytes: number; readonly packet: Packet }[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== "send_datagram") return [];
    const decoded = decodePacket(effect.bytes);
    return decoded.ok ? [{ to: effect.to, bytes: effect.bytes.length, packet: decoded.value }] : [];
  });
}

/** One file of so many whole blocks; their hashes are their numbers. */
export function indexOf(image: ImageId, blocks: number): PackedIndex {
  const builder = createBuilder("blake2b/256", 32_768);
  addDirectory(builder, "/" as ByteString);
  addFile(builder, "/file" as ByteString, false, blocks * 32_768);
  for (let block = 0; block < blocks; block++) {
    new DataView(builder.hashes.buffer).setUint32(block * 32 + 28, block);
  }
  return { ...build(builder), image, textBytes: 0 };
}

export const hashOfNumber = (block: number): BlockHash => block.toString(16).padStart(64, "0") as BlockHash;

/** A stage in which these blocks are missing. */
export function stageLacking(blocks: number, missing: readonly number[]): DiskValue {
  const stored = new Uint8Array(Math.ceil(blocks / 8)).fill(0xff);
  for (const block of missing) stored[block >> 3] = (stored[block >> 3] ?? 0) & ~(1 << (block & 7));
  const reused = blocks - missing.length;
  return { kind: "stage", stored, linkedBlocks: 0, linkedBytes: 0, reusedBlocks: reused, reusedBytes: 0 };
}
