/** The uploader without a world: everything but servers answers at once, and servers when a test says so. */
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, ConnId, ImageId, MachineId, MonoMs, UnixMs, VPath } from "../../kernel/ids.ts";
import { addDirectory, build, createBuilder } from "../../kernel/index/builder.ts";
import type { Report } from "../../kernel/report.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { DiskValue } from "../../kernel/storage/request.ts";
import type { ByteString } from "../../kernel/text.ts";
import {
  type Confirm,
  createUploader,
  step,
  UPLOADER_DEFAULTS,
  type UploaderState,
} from "../../kernel/uploader.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message, Receipt } from "../../kernel/wire/message.ts";

export const IMAGE = "ab".repeat(32) as ImageId;
export const PATH = "/site/current" as VPath;
export const ADDRESSES = ["10.0.0.1:1" as Address, "10.0.0.2:1" as Address];
export const BODY = (() => {
  const builder = createBuilder("blake2b/256", 32_768);
  addDirectory(builder, "/" as ByteString);
  return build(builder);
})();

/** Answers everything but servers at once, and keeps what was reported and asked of whom. */
export class Bench {
  readonly state: UploaderState;
  readonly reports: Report[] = [];
  readonly dialled: ConnId[] = [];
  readonly asked: { readonly conn: ConnId; readonly id: number }[] = [];
  /** Who was asked whether it holds the image. */
  readonly questions: { readonly conn: ConnId; readonly id: number }[] = [];
  /** Pages that nobody has answered yet. */
  readonly pages: Extract<Effect, { kind: "http_get" }>[] = [];
  readonly held: Extract<Effect, { kind: "disk" }>[] = [];
  /** What each name resolves to. */
  readonly names = new Map<string, readonly Address[]>([["c", ADDRESSES]]);
  /** Names that take until `lookedUp`. */
  readonly replies: Message[] = [];
  readonly closed: ConnId[] = [];
  readonly slow = new Set<string>();
  /** Those to whom no connection comes about, nor fails. */
  readonly far = new Set<Address>();
  /** Nobody can be reached. */
  deaf = false;
  readonly #looking: Extract<Effect, { kind: "resolve" }>[] = [];
  stopped = false;
  mono = 0;
  readonly #hold: readonly string[];

  signedAt = 0;

  constructor(
    sources: readonly string[],
    hold: readonly string[] = [],
    newest: number | null = 0,
    confirm: Confirm | null = null,
    lookMs = 0,
    slow: readonly string[] = [],
  ) {
    for (const name of slow) this.slow.add(name);
    this.#hold = hold;
    const uploads = sources.map((source, at) => ({
      source: source as RootName,
      path: (at === 0 ? PATH : `/site/${source}`) as VPath,
      mode: "replace" as const,
      oldImage: null,
      ...(newest === null ? {} : { newest }),
    }));
    const clusters = [{ name: "c", entryPoints: ["c"] }];
    const config = { ...UPLOADER_DEFAULTS, uploads, clusters, confirm, lookMs };
    this.state = createUploader(config, "seed", this.#now());
    this.feed({ kind: "wake" });
  }

  #now() {
    return { mono: this.mono as MonoMs, wall: 1_700_000_000_000 as UnixMs };
  }

  feed(event: Event): void {
    const waiting = [event];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      for (const effect of step(this.state, next, this.#now())) {
        const answer = this.#answer(effect);
        if (answer !== null) waiting.push(answer);
      }
    }
  }

  #answer(effect: Effect): Event | null {
    switch (effect.kind) {
      case "disk": {
        const { request } = effect;
        if (this.#hold.includes("root" in request ? request.root : request.kind)) {
          this.held.push(effect);
          return null;
        }
        const value = valueOf(request.kind);
        return { kind: "disk_done", op: effect.op, result: { ok: true, value } };
      }
      case "sign": {
        this.signedAt = effect.timestamp;
        const signatures = effect.payloads.map(() => [new Uint8Array(64)]);
        return { kind: "signed", op: effect.op, timestamp: effect.timestamp, signatures };
      }
      case "resolve":
        if (this.slow.has(effect.name)) {
          this.#looking.push(effect);
          return null;
        }
        return { kind: "resolved", op: effect.op, addresses: this.names.get(effect.name) ?? [] };
      case "dial":
        this.dialled.push(effect.conn);
        if (this.far.has(effect.address)) return null;
        if (this.deaf) return { kind: "conn_closed", conn: effect.conn, why: "refused" };
        return { kind: "conn_open", conn: effect.conn, address: effect.address, side: "dialled" };
      case "send_frame": {
        const decoded = decodeFrame(effect.bytes);
        if (!decoded.ok) return null;
        const { message } = decoded;
        if (message.kind !== "request") {
          this.replies.push(message);
          return null;
        }
        const asked = { conn: effect.conn, id: message.id };
        (message.request.type === "GetIndexAt" ? this.questions : this.asked).push(asked);
        return null;
      }
      case "http_get":
        this.pages.push(effect);
        return null;
      case "close":
        this.closed.push(effect.conn);
        return null;
      case "report":
        this.reports.push(effect.report);
        return null;
      case "stopped":
        this.stopped = true;
        return null;
      default:
        return null;
    }
  }

  say(conn: ConnId, message: Message): void {
    this.feed({ kind: "frame", conn, bytes: encodeFrame(message) });
  }

  lookedUp(): void {
    this.slow.clear();
    for (const { op, name } of this.#looking.splice(0))
      this.feed({ kind: "resolved", op, addresses: this.names.get(name) ?? [] });
  }

  /** The server of a connection accepts what it was asked first. */
  accept(at: number): ConnId {
    const asked = this.asked[at];
    if (asked === undefined) throw new Error("nobody was asked");
    const answer = { type: "ReplaceDir", accepted: true, reason: null, hosts: new Map() } as const;
    this.say(asked.conn, { kind: "response", id: asked.id, response: answer });
    return asked.conn;
  }

  /** Answers the oldest question with an index, or that there is none. */
  holds(data: Uint8Array | null): ConnId {
    const asked = this.questions.shift();
    if (asked === undefined) throw new Error("nobody was asked what it holds");
    const answer = { type: "GetIndexAt", data, hosts: new Map() } as const;
    this.say(asked.conn, { kind: "response", id: asked.id, response: answer });
    return asked.conn;
  }

  /** Answers the oldest question for a page; null: there is none. */
  page(path: string, value: object | null): void {
    const asked = this.pages.shift();
    if (asked?.path !== path) throw new Error(`${asked?.path ?? "nothing"} was asked for`);
    const body = value === null ? null : new Uint8Array(Buffer.from(JSON.stringify(value)));
    this.feed({ kind: "http_got", op: asked.op, body });
  }

  /** What was held of the first source is answered. */
  walked(): void {
    for (let each = this.held.shift(); each !== undefined; each = this.held.shift())
      this.feed({ kind: "disk_done", op: each.op, result: { ok: true, value: valueOf(each.request.kind) } });
  }

  wait(ms: number): void {
    this.mono += ms;
    this.feed({ kind: "wake" });
  }

  receipt(conn: ConnId, number: number, gaveUp: string | null): void {
    const machine = String(number).padStart(32, "0") as MachineId;
    const receipt: Receipt = { image: IMAGE, path: PATH, machine, hostname: `n${number}`, forwarded: false };
    const notification =
      gaveUp === null
        ? ({ type: "ReceivedImage", ...receipt } as const)
        : ({ type: "AbortedImage", reason: gaveUp, ...receipt } as const);
    this.say(conn, { kind: "notification", notification });
  }
}

function valueOf(kind: string): DiskValue {
  if (kind === "walk") return { kind: "tree", tree: BODY, skipped: [] };
  if (kind === "digest_files") return { kind: "digests", hashes: new Uint8Array(0) };
  return { kind: "sealed", index: { ...BODY, image: IMAGE, textBytes: 3 }, text: new Uint8Array(3) };
}
