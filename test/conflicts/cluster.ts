/**
 * Kernels of servers on one virtual time, with lines, disks and signatures that cost next to nothing: a hundred thousand
 * clusters are tried in minutes. What the simulator has and this has not, faults of disks, crashes and the storage
 * programs, plays no part in who wins.
 */
import { createHash } from "node:crypto";
import { DEFAULT_LIMITS, type PublicKey } from "../../kernel/config.ts";
import type { Effect, SignatureCheck } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, ConnId, Digest, ImageId, MachineId, MonoMs, UnixMs } from "../../kernel/ids.ts";
import { createNode, type NodeState, step, wakeAt } from "../../kernel/node.ts";
import { below, keyed } from "../../kernel/prng.ts";
import { uploadPayload } from "../../kernel/signature/payload.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message } from "../../kernel/wire/message.ts";
import { createHeap } from "../../sim/heap.ts";
import { directoryOf, imageOf, pathOf } from "../kernel/rig.ts";
import { type PlannedUpload, type Schedule, WALL } from "./plan.ts";
import { createToyDisk, textOf, type ToyDisk } from "./toy-disk.ts";

export const PATH = pathOf("current");
const KEYS = ["11", "22"].map((each) => each.repeat(32) as PublicKey);
const PORT = 24_783;

export type Server = { readonly node: NodeState; readonly disk: ToyDisk };
export type Cluster = {
  readonly servers: readonly Server[];
  /** Uploads that some server has accepted, by their places in the schedule. */
  readonly accepted: ReadonlySet<number>;
  /** Until a moment of the virtual time, in milliseconds. */
  runUntil(ms: number): void;
  /** Nothing is on its way, and no disk is at work. */
  isAtRest(): boolean;
};

type Peer = { readonly hear: (event: Event) => void };
type Conn = { readonly to: number; readonly conn: ConnId; clearAt: number };

export function runSchedule(schedule: Schedule): Cluster {
  const { nodes: count, delayMs, diskMs, split } = schedule;
  const dice = keyed(schedule.seed, "lines");
  const accepted = new Set<number>();
  const heap = createHeap();
  let now = 0;
  let busy = 0;
  const after = (ms: number, act: () => void): void => heap.push(now + ms, act);
  const addresses = [
    ...Array.from({ length: count }, (_, at) => `10.0.0.${at + 1}:${PORT}` as Address),
    ...schedule.uploads.map((_, at) => `10.0.1.${at + 1}:40000` as Address),
  ];
  const ends: Map<ConnId, Conn>[] = addresses.map(() => new Map());
  const peers: Peer[] = [];
  const even = addresses.map(() => 2);

  /** Nothing is lost between the two for ever: what is said on a connection meanwhile comes when they meet again. */
  function apart(a: number, b: number): boolean {
    if (split === null || now < split.from || now >= split.to || a >= count || b >= count) return false;
    return split.some.includes(a) !== split.some.includes(b);
  }

  function dial(from: number, conn: ConnId, address: Address): void {
    const to = addresses.indexOf(address);
    after(1 + below(dice, delayMs), () => {
      if (to < 0 || to >= count || apart(from, to))
        return peers[from]?.hear({ kind: "conn_closed", conn, why: "refused" });
      const theirs = (even[to] ?? 0) as ConnId;
      even[to] = theirs + 2;
      ends[from]?.set(conn, { to, conn: theirs, clearAt: now });
      ends[to]?.set(theirs, { to: from, conn, clearAt: now });
      const side = addresses[from] as Address;
      peers[to]?.hear({ kind: "conn_open", conn: theirs, address: side, side: "accepted" });
      peers[from]?.hear({ kind: "conn_open", conn, address, side: "dialled" });
    });
  }

  function sendFrame(from: number, conn: ConnId, bytes: Uint8Array): void {
    const end = ends[from]?.get(conn);
    if (end === undefined) return;
    const wait = apart(from, end.to) && split !== null ? split.to - now : 0;
    end.clearAt = Math.max(end.clearAt, now + wait + 1 + below(dice, delayMs));
    busy += 1;
    heap.push(end.clearAt, () => {
      busy -= 1;
      peers[end.to]?.hear({ kind: "frame", conn: end.conn, bytes });
    });
  }

  function close(from: number, conn: ConnId): void {
    const end = ends[from]?.get(conn);
    if (end === undefined) return;
    ends[from]?.delete(conn);
    ends[end.to]?.delete(end.conn);
    after(1, () => peers[from]?.hear({ kind: "conn_closed", conn, why: "asked" }));
    after(1 + below(dice, delayMs), () =>
      peers[end.to]?.hear({ kind: "conn_closed", conn: end.conn, why: "closed" }),
    );
  }

  function addServer(at: number): Server {
    const clock = () => ({ mono: now as MonoMs, wall: (WALL + now) as UnixMs });
    const machine = (at + 1).toString(16).padStart(32, "0") as MachineId;
    const config = {
      machine,
      hostname: `n${at}`,
      port: PORT,
      directories: [directoryOf("site")],
      acceptUnlisted: false,
      limits: DEFAULT_LIMITS,
    };
    const node = createNode(config, `${schedule.seed}/${at}`, clock());
    const disk = createToyDisk();
    let alarm = -1;
    let diskAt = 0;
    const feed = (event: Event): void => {
      for (const effect of step(node, event, clock())) perform(effect);
      const wanted = Math.max(wakeAt(node), now);
      if (alarm >= now && alarm <= wanted) return;
      alarm = wanted;
      heap.push(wanted, () => {
        if (alarm === now) alarm = -1;
        if (wakeAt(node) <= now) feed({ kind: "wake" });
        else if (alarm === -1) feed({ kind: "wake" });
      });
    };
    const answer = (ms: number, event: () => Event): void => {
      busy += 1;
      after(ms, () => {
        busy -= 1;
        feed(event());
      });
    };
    function perform(effect: Effect): void {
      switch (effect.kind) {
        case "send_datagram": {
          const to = addresses.indexOf(effect.to);
          if (to < 0 || apart(at, to)) return;
          return after(1 + below(dice, delayMs), () =>
            peers[to]?.hear({ kind: "datagram", from: addresses[at] as Address, bytes: effect.bytes }),
          );
        }
        case "dial":
          return dial(at, effect.conn, effect.address);
        case "send_frame":
          return sendFrame(at, effect.conn, effect.bytes);
        case "close":
          return close(at, effect.conn);
        case "disk":
          // One after the other, as a disk does with what concerns one path.
          diskAt = Math.max(diskAt, now) + 1 + below(dice, diskMs);
          return answer(diskAt - now, () => {
            return { kind: "disk_done", op: effect.op, result: disk.answer(effect.request) };
          });
        case "verify":
          return answer(1, () => ({ kind: "verified", op: effect.op, holds: effect.checks.map(holds) }));
        case "digest":
          return answer(1, () => {
            const digest = createHash("sha256").update(effect.bytes).digest("hex") as Digest;
            return { kind: "digested", op: effect.op, digest };
          });
        case "http_get":
          return answer(1, () => ({ kind: "http_got", op: effect.op, body: null }));
        case "resolve":
          return answer(1, () => ({ kind: "resolved", op: effect.op, addresses: [] }));
        case "trace":
        case "ready":
          return;
        default:
          throw new Error(`a server of a schedule wants ${effect.kind}`);
      }
    }
    peers[at] = { hear: feed };
    feed({ kind: "keys_changed", keys: { master: KEYS, named: new Map(), ending: [] } });
    const listed = addresses.slice(0, count).map((address, nth) => ({ address, name: `n${nth}` }));
    feed({ kind: "peers_resolved", peers: listed });
    feed({ kind: "wake" });
    return { node, disk };
  }

  /** Uploads to each of its servers, stays, and serves its index. */
  function addClient(nth: number, upload: PlannedUpload): void {
    const at = count + nth;
    const image = imageOf(upload.image);
    let conns = 1;
    const say = (conn: ConnId, message: Message): void => sendFrame(at, conn, encodeFrame(message));
    peers[at] = {
      hear(event) {
        if (event.kind === "conn_open") {
          say(event.conn, { kind: "notification", notification: { type: "PublishImage", image } });
          say(event.conn, { kind: "request", id: 1, request: requestOf(upload, image) });
        }
        if (event.kind !== "frame") return;
        const decoded = decodeFrame(event.bytes);
        if (!decoded.ok) throw new Error(`a client does not understand: ${decoded.code}`);
        const { message } = decoded;
        if (
          message.kind === "response" &&
          message.response.type === "ReplaceDir" &&
          message.response.accepted
        )
          accepted.add(nth);
        if (message.kind !== "request") return;
        const response =
          message.request.type === "GetIndex"
            ? ({ type: "GetIndex", data: textOf(image) } as const)
            : ({ type: "Error", text: "nothing else is here" } as const);
        say(event.conn, { kind: "response", id: message.id, response });
      },
    };
    heap.push(upload.at, () => {
      for (const to of upload.to) {
        dial(at, conns as ConnId, addresses[to] as Address);
        conns += 2;
      }
    });
  }

  const servers = Array.from({ length: count }, (_, at) => addServer(at));
  for (const [nth, upload] of schedule.uploads.entries()) addClient(nth, upload);
  return {
    servers,
    accepted,
    runUntil(ms) {
      for (;;) {
        now = heap.nextTime();
        if (now > ms || !heap.pop()) break;
        heap.run();
      }
      now = ms;
    },
    isAtRest: () => busy === 0,
  };
}

function requestOf({ timestamp, key }: PlannedUpload, image: ImageId) {
  const payload = uploadPayload(PATH, image, timestamp);
  const signature = sign(payload, Buffer.from(KEYS[key] ?? "", "hex"));
  return {
    type: "ReplaceDir",
    oldImage: null,
    path: PATH,
    image,
    timestamp,
    signatures: [signature],
  } as const;
}

/** Whoever knows a key's public half could sign with it: nobody here wants to. */
function sign(payload: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return createHash("sha512").update(payload).update(publicKey).digest();
}

function holds({ payload, signature, publicKey }: SignatureCheck): boolean {
  return Buffer.compare(sign(payload, publicKey), signature) === 0;
}
