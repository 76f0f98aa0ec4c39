/**
 * Anything in any order: frames and datagrams whole, wrong and broken, answers of the disk good and bad, connections
 * that come and go, time that jumps. No event may throw, and when everybody has gone nothing of theirs is left.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS, type DirectoryConfig } from "../../kernel/config.ts";
import type { DiskRequest, Effect } from "../../kernel/effect.ts";
import type { DiskResult } from "../../kernel/event.ts";
import type { ConnId, Digest, ImageId, MachineId, VPath } from "../../kernel/ids.ts";
import { below, chance, keyed, type Prng } from "../../kernel/prng.ts";
import { statusPage } from "../../kernel/status.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message, Notification, Request, Response } from "../../kernel/wire/message.ts";
import { encodePacket, type GossipMessage } from "../../kernel/wire/packet.ts";
import type { Listing } from "../../kernel/wire/signed-state.ts";
import {
  addressOf,
  createRig,
  hashOfNumber,
  imageOf,
  indexOf,
  machineOf,
  type Rig,
  SELF,
  sentFrames,
  stageLacking,
  WALL,
} from "./rig.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 25);
const STEPS = 400;
const BLOCKS = 40;
const PATHS = [
  "/site/a",
  "/site/b",
  "/site/c",
  "/site/c.new",
  "/site/.d",
  "/site",
  "/site/x/y",
  "/other/a",
  "/q",
];
const CODES = [
  "no_space",
  "io",
  "missing",
  "stage_incomplete",
  "index_missing",
  "index_invalid",
  "already_exists",
];
const PAGES = [
  "{",
  "[]",
  "null",
  '{"/site":{"hash":"HASH"}}',
  '{"/site":1,"/q":{"hash":"x"}}',
  '{"__proto__":{}}',
];

type Open = { readonly conn: number; readonly id: number; readonly request: Request };

class World {
  readonly rig: Rig;
  readonly prng: Prng;
  readonly conns = new Set<number>();
  readonly dials: number[] = [];
  readonly asked: Open[] = [];
  readonly ops: { readonly op: number; readonly kind: "digest" | "http_get" }[] = [];
  accepted = 0;
  seen = 0;

  constructor(seed: number) {
    this.prng = keyed(seed, "fuzz");
    this.rig = createRig({ peers: 3 });
  }

  pick<T>(list: readonly T[]): T {
    return list[below(this.prng, list.length)]!;
  }
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => below(this.prng, 256));
  }
  path(): VPath {
    return this.pick(chance(this.prng, 4, 5) ? PATHS.slice(0, 3) : PATHS) as VPath;
  }
  image(): ImageId {
    return imageOf(1 + below(this.prng, 4));
  }
  digest(): Digest {
    return imageOf(below(this.prng, 6)) as string as Digest;
  }
  machine(): MachineId {
    return chance(this.prng, 1, 20) ? SELF : machineOf(1 + below(this.prng, 6));
  }
  time(): number {
    if (chance(this.prng, 4, 5)) return WALL + below(this.prng, 100_000);
    return this.pick([
      0,
      WALL,
      WALL + 1,
      WALL + below(this.prng, 100_000),
      WALL * 2,
      Number.MAX_SAFE_INTEGER,
    ]);
  }
  many<T>(make: () => T, most = 3): readonly T[] {
    return Array.from({ length: below(this.prng, most + 1) }, make);
  }
  signatures(): readonly Uint8Array[] {
    return this.many(() => new Uint8Array(64).fill(below(this.prng, 4)));
  }

  /** Notes what the node wants, so that it can be answered later. */
  take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "dial") this.dials.push(effect.conn);
      if (effect.kind === "digest" || effect.kind === "http_get")
        this.ops.push({ op: effect.op, kind: effect.kind });
      if (effect.kind === "close") this.closing(effect.conn);
      if (effect.kind !== "send_frame") continue;
      for (const message of sentFrames([effect])) {
        if (message.kind === "request") this.asked.push({ conn: effect.conn, ...message });
      }
    }
    this.seen += effects.length;
  }
  closing(conn: number): void {
    if (!this.conns.delete(conn)) return;
    this.take(this.rig.feed({ kind: "conn_closed", conn: conn as ConnId, why: "asked" }));
  }
  frame(conn: number, message: Message): void {
    this.raw(conn, encodeFrame(message));
  }
  /** One in six frames is broken. */
  raw(conn: number, bytes: Uint8Array): void {
    this.take(this.rig.feed({ kind: "frame", conn: conn as ConnId, bytes: this.broken(bytes) }));
  }
  broken(bytes: Uint8Array): Uint8Array {
    if (!chance(this.prng, 1, 6)) return bytes;
    const copy = bytes.slice();
    switch (below(this.prng, 4)) {
      case 0:
        return copy.subarray(0, below(this.prng, copy.length + 1));
      case 1:
        return this.bytes(below(this.prng, 40));
      default:
        for (let flips = 1 + below(this.prng, 3); flips > 0; flips--) {
          copy[below(this.prng, copy.length)] = below(this.prng, 256);
        }
        return copy;
    }
  }

  request(): Request {
    const upload = {
      path: this.path(),
      image: this.image(),
      timestamp: this.time(),
      signatures: this.signatures(),
    };
    const block = below(this.prng, BLOCKS);
    const hint = { path: this.path(), file: this.pick(["/file", "/../x", "", "/"]), offset: block * 32_768 };
    return this.pick<Request>([
      { type: "AppendDir", ...upload },
      { type: "ReplaceDir", oldImage: this.pick([null, this.image()]), ...upload },
      { type: "ReplaceDir", oldImage: null, ...upload },
      { type: "GetIndex", image: this.image(), hint: null },
      { type: "GetIndexAt", path: this.path() },
      { type: "GetBaseDir", path: this.path() },
      { type: "GetBlock", hash: hashOfNumber(block), hint: this.pick([null, hint, hint, hint]) },
    ]);
  }
  notification(): Notification {
    const image = this.image();
    const receipt = { image, path: this.path(), machine: this.machine(), hostname: "h", forwarded: true };
    return this.pick<Notification>([
      { type: "PublishImage", image },
      { type: "PublishImage", image },
      { type: "ReceivedImage", ...receipt },
      { type: "AbortedImage", reason: "r", ...receipt },
    ]);
  }
  listing(): Listing {
    const names = new Set(this.many(() => this.pick(["a", "b", "c", ".d", "c.new"]), 4));
    return [...names].map((name) => {
      const image = this.image();
      return [name, { image, signatures: [{ timestamp: this.time(), bytes: new Uint8Array(64) }] }] as const;
    });
  }
  response(request: Request): Response {
    if (chance(this.prng, 1, 6)) return { type: "Error", text: "no" };
    const type = chance(this.prng, 1, 12) ? this.request().type : request.type;
    const hash = this.digest();
    switch (type) {
      case "GetIndex":
        return { type, data: this.bytes(20) };
      case "GetBlock":
        return { type, data: this.bytes(32) };
      case "GetIndexAt":
        return { type, data: this.pick([null, this.bytes(3)]), hosts: new Map() };
      case "GetBaseDir":
        return { type, configHash: hash, keepListHash: hash, listing: this.listing() };
      default:
        return { type, accepted: true, reason: null, hosts: new Map() };
    }
  }

  gossip(): GossipMessage {
    const [path, image, digest] = [this.path(), this.image(), this.digest()];
    const mask = this.pick([0, 0x8000, 0xffff, below(this.prng, 0x1_0000)]);
    const progress = { image, mask, source: true, stalled: chance(this.prng, 1, 2) };
    const machines = () => this.many(() => this.machine());
    const watches = new Map(this.many(() => [this.path(), machines()] as const));
    return this.pick<GossipMessage>([
      {
        type: "BaseDirs",
        inProgress: new Map(this.many(() => [this.path(), progress] as const)),
        watching: this.many(() => this.path()),
        deleted: this.many(() => [this.path(), this.image()] as const),
        baseDirs: new Map(this.many(() => [this.path(), this.digest()] as const)),
        complete: new Map(this.many(() => [this.path(), this.image()] as const)),
      },
      { type: "Downloading", path, image, mask, source: true, watches: machines() },
      { type: "Reconcile", path, digest, watches },
      { type: "Complete", path, image },
      { type: "CompleteAck", path },
      { type: "ConfigSync", paths: this.pick([["/site"], ["/site", "/q"], []]) as VPath[] },
    ]);
  }
  datagram(): void {
    const yourConfig = this.pick([null, this.digest(), this.rig.node.configDigest]);
    const bytes = encodePacket({ machine: this.machine(), yourConfig, message: this.gossip() });
    const from = addressOf(1 + below(this.prng, 5));
    this.take(this.rig.feed({ kind: "datagram", from, bytes: this.broken(bytes) }));
  }

  found(): FoundImage {
    const state = {
      image: this.image(),
      signatures: [{ timestamp: this.time(), bytes: new Uint8Array(64) }],
    };
    const intent = { state: { ...state, image: this.image() }, stage: "s1", mode: "replace" } as const;
    return {
      path: this.path(),
      committed: this.pick([null, state]),
      missing: chance(this.prng, 1, 3),
      intent: this.pick([null, intent]),
      floor: this.pick([
        null,
        { timestamp: this.time(), image: this.image(), removing: this.pick([true, false]) },
      ]),
      published: this.pick([null, { timestamp: this.time(), image: this.image() }]),
    };
  }
  diskResult(request: DiskRequest): DiskResult {
    if (chance(this.prng, 1, 8)) return { ok: false, code: this.pick(CODES) as "io", detail: "" };
    switch (chance(this.prng, 1, 30) ? "unexpected" : request.kind) {
      case "load_index":
      case "store_index":
        return { ok: true, value: { kind: "index", index: indexOf(this.image(), below(this.prng, BLOCKS)) } };
      case "prepare_stage": {
        const index = this.rig.node.downloads.get(
          "place" in request ? request.place.path : ("/" as VPath),
        )?.index;
        const count = index?.blockCount ?? 0;
        const missing = Array.from({ length: count }, (_, at) => at).filter(() => chance(this.prng, 2, 3));
        return { ok: true, value: stageLacking(count, missing) };
      }
      case "read_block":
      case "read_index": {
        const length = "length" in request ? request.length : 8;
        return { ok: true, value: { kind: "bytes", bytes: new Uint8Array(this.pick([length, length, 1])) } };
      }
      case "adopt": {
        const complete = chance(this.prng, 1, 2);
        const found = this.many(() => this.found());
        const { key } = request as Extract<DiskRequest, { kind: "adopt" }>;
        const unread = chance(this.prng, 1, 3) ? [{ key, what: `/${key}: io` }] : [];
        return { ok: true, value: { kind: "adopted", found, problems: [], unread, complete } };
      }
      default:
        return { ok: true, value: { kind: "done" } };
    }
  }
  answerDisk(): void {
    const { pending } = this.rig;
    if (pending.length === 0) return;
    const [open] = pending.splice(chance(this.prng, 1, 2) ? 0 : below(this.prng, pending.length), 1);
    this.take(this.rig.feed({ kind: "disk_done", op: open!.op, result: this.diskResult(open!.request) }));
  }
  answerOther(): void {
    const verify = this.rig.verifies.shift();
    if (verify !== undefined) {
      const holds = this.many(() => chance(this.prng, 3, 4));
      this.take(this.rig.feed({ kind: "verified", op: verify, holds }));
    }
    const open = this.ops.shift();
    if (open?.kind === "digest")
      this.take(this.rig.feed({ kind: "digested", op: open.op as never, digest: this.digest() }));
    if (open?.kind !== "http_get") return;
    const body = Buffer.from(this.pick(PAGES).replace("HASH", this.digest()));
    this.take(this.rig.feed({ kind: "http_got", op: open.op as never, body: this.pick([null, body, body]) }));
  }
  answerPeer(): void {
    const [open] = this.asked.splice(below(this.prng, Math.max(1, this.asked.length)), 1);
    if (open === undefined) return;
    const response = this.response(open.request);
    this.frame(open.conn, { kind: "response", id: open.id, response });
    if (chance(this.prng, 1, 10)) this.frame(open.conn, { kind: "response", id: open.id, response });
  }

  connection(): void {
    const dialled = this.dials.shift();
    if (dialled !== undefined) {
      const conn = dialled as ConnId;
      if (chance(this.prng, 1, 3)) {
        return this.take(this.rig.feed({ kind: "conn_closed", conn, why: "refused" }));
      }
      this.conns.add(conn);
      return this.take(this.rig.feed({ kind: "conn_open", conn, address: addressOf(1), side: "dialled" }));
    }
    if (chance(this.prng, 1, 3) && this.conns.size > 0) return this.closing(this.pick([...this.conns]));
    this.accepted += 2;
    this.conns.add(this.accepted);
    this.take(this.rig.open(this.accepted));
  }
  someConn(): number {
    return chance(this.prng, 1, 20) || this.conns.size === 0
      ? below(this.prng, 50)
      : this.pick([...this.conns]);
  }

  reload(): void {
    const [site] = createRig().node.config.directories;
    const change = (key: string): DirectoryConfig => ({
      ...site!,
      key,
      root: this.pick([`/srv/${key}`, `/mnt/${key}`]) as DirectoryConfig["root"],
      numLevels: this.pick([1, 1, 2]),
      autoClean: chance(this.prng, 1, 2),
    });
    const directories = this.many(() => this.pick(["other", "q", "site"]), 4).map(change);
    const each = new Map(directories.map((directory) => [directory.key, directory]));
    const sorted = [...each.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
    this.take(this.rig.feed({ kind: "config_changed", directories: sorted }));
  }

  step(): void {
    const conn = this.someConn();
    switch (below(this.prng, 16)) {
      case 0:
        return chance(this.prng, 1, 4) ? this.reload() : this.connection();
      case 1:
      case 2:
      case 3:
        return this.frame(conn, { kind: "request", id: below(this.prng, 9), request: this.request() });
      case 4:
        return this.frame(conn, { kind: "notification", notification: this.notification() });
      case 5:
      case 6:
        return this.datagram();
      case 7:
      case 8:
        return this.answerPeer();
      case 9:
        return this.answerOther();
      case 10:
        return this.take(this.rig.wait(this.pick([1, 250, 1_000, 5_000, 130_000])));
      case 11: {
        const peers = this.many(() => 1 + below(this.prng, 5), 5).map((at) => ({
          address: addressOf(at),
          name: "n",
        }));
        const op = below(this.prng, 1_000) as never;
        if (chance(this.prng, 1, 4)) return this.take(this.rig.feed({ kind: "peers_resolved", peers }));
        return this.rig.node.waiting.has(op)
          ? undefined
          : this.take(this.rig.feed({ kind: "verified", op, holds: [] }));
      }
      default:
        return this.answerDisk();
    }
  }

  /** Everybody goes, and everything is answered. */
  end(): void {
    for (let round = 0; round < 20; round++) {
      for (const conn of this.conns) this.closing(conn);
      for (const dialled of this.dials.splice(0)) {
        this.take(this.rig.feed({ kind: "conn_closed", conn: dialled as ConnId, why: "refused" }));
      }
      while (this.rig.verifies.length > 0 || this.ops.length > 0) this.answerOther();
      for (const { op, request } of this.rig.pending.splice(0)) {
        const result = this.diskResult(request);
        this.take(this.rig.feed({ kind: "disk_done", op, result }));
      }
      this.take(this.rig.wait(1_000));
    }
  }
}

test("any events in any order: nothing throws, and what others left behind ends with them", () => {
  let effects = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const world = new World(seed);
      const { node } = world.rig;
      if (!chance(world.prng, 1, 10)) world.take(world.rig.start(world.many(() => world.found())));
      for (let count = 0; count < STEPS; count++) {
        world.step();
        expect(node.waiting.size).toBe(
          world.rig.pending.length + world.rig.verifies.length + world.ops.length,
        );
        expect(node.publish.uploads.size).toBeLessThanOrEqual(DEFAULT_LIMITS.pendingUploadsMax);
        expect(node.view.peers.size).toBeLessThanOrEqual(node.view.listed.size);
      }
      for (const page of ["/status/", "/watched/", "/cluster/downloading/", "/list-dir/site"])
        statusPage(node, page);
      effects += world.seen;
      world.end();
      expect([...node.links.conns.values()].filter(({ side }) => side === "accepted")).toEqual([]);
      expect(node.watch.byConn.size + node.watch.paths.size + node.watch.images.size).toBe(0);
      expect(node.indexWaiters.size + node.publish.turns.size + node.publish.storing.size).toBe(0);
      expect(node.catalog.intents).toBe(node.downloads.size);
      world.take(world.rig.feed({ kind: "stop" }));
    }),
    { numRuns: RUNS },
  );
  expect(effects).toBeGreaterThan(RUNS * 100); // it did run
}, 60_000);
