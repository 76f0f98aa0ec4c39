/**
 * A protocol of a hundred lines that keeps its promises, and can be told to break one of them: it shows that scripts
 * run, and that the oracle sees what it is there for. Messages name a content by its number; everybody can make it.
 */
import type { Effect } from "../../kernel/effect.ts";
import type { ConnId, ImageId, MonoMs } from "../../kernel/ids.ts";
import type { FileName, Handle, RootName, StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import { contentOf, plantEntry } from "../../sim/content.ts";
import type { Cast, ClientSpec, NodeSpec } from "../../sim/spec.ts";
import { bytes, op, textOf, toy } from "./toys.ts";

export type ToyBug = "none" | "no_sync" | "no_winner" | "in_place" | "forgets" | "no_gossip" | "asserts";

type Offer = {
  readonly path: string;
  readonly content: number;
  readonly files: number;
  readonly bytes: number;
  readonly timestamp: number;
  readonly image: string;
};

const STAGE = ".tmp.stage" as FileName;

/** A frame with its sum: bits flip on the way. */
function sealed(text: string): Uint8Array {
  return bytes(`${text} ${sumOf(text)}`);
}

/** Null for a frame that is not what was sent. */
function opened(frame: Uint8Array): string | null {
  const text = textOf(frame);
  const end = text.lastIndexOf(" ");
  return text.slice(end + 1) === sumOf(text.slice(0, end)) ? text.slice(0, end) : null;
}

function sumOf(text: string): string {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) >>> 0;
  return String(sum);
}

export function toyCast(bug: ToyBug): Cast {
  return {
    node: (spec) => ({
      machine: node(spec, bug),
      programOf: (request) => store(spec, request, bug),
      events: [],
      listens: "at_once",
    }),
    client: (spec) => ({ machine: client(spec), programOf: noProgram, events: [], listens: "at_once" }),
    speaks: false,
    observe(spec, seen, lookup) {
      if (seen.kind !== "mark") return [];
      const { mark, fields } = seen;
      const upload = Number(fields.upload);
      if (mark === "signed") {
        return [{ kind: "signed", upload, timestamp: Number(fields.timestamp), image: String(fields.image) }];
      }
      if (mark === "accepted") {
        const ids = lookup.uploadsOf(String(fields.path), String(fields.image), Number(fields.timestamp));
        return ids.map((id) => ({ kind: "accepted", upload: id, host: spec.name }));
      }
      const host = lookup.hostOfAddress(String(fields.from));
      return mark === "received" && host !== null
        ? [{ kind: "acknowledged", upload, host, hearsay: true }]
        : [];
    },
  };
}

function isNewer(a: Offer, b: Offer | undefined): boolean {
  if (b === undefined) return true;
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.image > b.image);
}

function node(spec: NodeSpec, bug: ToyBug) {
  const stored = new Map<string, Offer>();
  const wanted = new Map<string, Offer>();
  const waiting: { readonly conn: ConnId; readonly offer: Offer }[] = [];
  let busy: Offer | null = null;
  let loaded = false;
  let loading = false;
  let roundAt = 0;
  const peers = new Set(spec.peers.map(({ address }) => address)); // and whoever speaks to us

  function take(offer: Offer): void {
    const known = wanted.get(offer.path) ?? stored.get(offer.path);
    if (spec.append ? known === undefined : bug === "no_winner" || isNewer(offer, known))
      wanted.set(offer.path, offer);
  }

  function plan(out: Effect[]): void {
    const [next] = wanted.values();
    if (!loaded || busy !== null || next === undefined) return;
    busy = next;
    const request: DiskRequest = {
      kind: "store_index",
      image: next.image as ImageId,
      text: bytes(JSON.stringify(next)),
    };
    out.push({ kind: "disk", op: op(1), request });
  }

  return toy(
    (event, now) => {
      const out: Effect[] = [];
      const said = event.kind === "frame" ? opened(event.bytes) : null;
      if (event.kind === "frame" && said !== null) {
        const offer = JSON.parse(said) as Offer;
        if (bug === "asserts" && offer.content % 2 === 0) throw new Error("invariant broken: odd");
        take(offer);
        waiting.push({ conn: event.conn, offer });
        out.push({ kind: "trace", mark: "accepted", fields: { path: offer.path, image: offer.image } });
      }
      if (event.kind === "datagram") {
        peers.add(event.from);
        for (const offer of JSON.parse(textOf(event.bytes)) as Offer[]) take(offer);
      }
      if (event.kind === "disk_done" && !loaded) {
        loading = false;
        if (event.result.ok && event.result.value.kind === "bytes") {
          loaded = true;
          for (const offer of JSON.parse(textOf(event.result.value.bytes)) as Offer[])
            wanted.set(offer.path, offer);
        }
      } else if (event.kind === "disk_done" && busy !== null) {
        if (event.result.ok) {
          stored.set(busy.path, busy);
          if (wanted.get(busy.path) === busy) wanted.delete(busy.path);
        }
        busy = null;
      }
      for (const { conn, offer } of waiting) {
        if (stored.get(offer.path)?.image !== offer.image) continue;
        out.push({ kind: "send_frame", conn, bytes: sealed("have"), told: false });
      }
      if (now.mono >= roundAt) {
        roundAt = now.mono + 1_000;
        const known = bytes(JSON.stringify([...stored.values(), ...wanted.values()]));
        for (const address of bug === "no_gossip" ? [] : peers) {
          out.push({ kind: "send_datagram", to: address, bytes: known });
        }
        if (!loaded && !loading) {
          loading = true;
          out.push({ kind: "disk", op: op(2), request: { kind: "load_index", image: "" as ImageId } });
        }
        plan(out);
      }
      if (event.kind !== "wake") plan(out);
      return out;
    },
    [],
    () => roundAt as MonoMs,
  );
}

function* store(spec: NodeSpec, request: DiskRequest, bug: ToyBug): StorageProgram<DiskResult> {
  const db = yield* calls.root(spec.db);
  if (request.kind !== "store_index") {
    const states: Offer[] = [];
    for (const name of yield* calls.list(db)) {
      if (!name.startsWith("."))
        states.push(JSON.parse(textOf(yield* calls.readWhole(db, name, 9_999))) as Offer);
    }
    return { ok: true, value: { kind: "bytes", bytes: bytes(JSON.stringify(states)) } };
  }
  const offer = JSON.parse(textOf(request.text)) as Offer;
  const parents = offer.path.split("/").slice(2) as FileName[];
  const name = parents.pop() as FileName;
  const state = [...parents, name].join("_");
  if (bug !== "forgets") {
    yield* calls.unless("missing", calls.unlink(db, `.tmp.${state}.t` as FileName));
    yield* calls.durableReplace(db, state as FileName, request.text, "t");
  }
  const images = yield* calls.root(spec.directories[0]?.root as RootName);
  return yield* calls.usingMadePath(images, parents, (dir) => publish(dir, name, offer, bug));
}

function* publish(dir: Handle, name: FileName, offer: Offer, bug: ToyBug): StorageProgram<DiskResult> {
  yield* calls.removeTree(dir, STAGE);
  const there = yield* calls.unless("missing", calls.statName(dir, name));
  const target = bug === "in_place" ? name : STAGE;
  if (bug === "in_place") yield* calls.removeTree(dir, name);
  yield* calls.makeDirectory(dir, target);
  for (const [path, entry] of contentOf(offer.content, offer.files, offer.bytes)) {
    const parts = path.split("/") as FileName[];
    const last = parts.pop() as FileName;
    yield* calls.usingPath(dir, [target, ...parts], (inner) => plantEntry(inner, last, entry));
    yield* calls.checkpoint();
  }
  if (bug !== "no_sync") yield* calls.syncFileSystem(dir);
  if (bug !== "in_place") yield* calls.rename(dir, STAGE, dir, name, there === null ? "keep" : "exchange");
  yield* calls.sync(dir);
  yield* calls.removeTree(dir, STAGE);
  return { ok: true, value: { kind: "done" } };
}

// oxlint-disable-next-line require-yield
function* noProgram(): StorageProgram<DiskResult> {
  return { ok: true, value: { kind: "done" } };
}

function client(spec: ClientSpec) {
  const { path, content, files, bytes: size } = spec.upload;
  // A name of exactly this tree.
  const image = [content, files, size]
    .map((each) => each.toString(16).padStart(8, "0"))
    .join("")
    .padStart(64, "0");
  let offer: Offer | null = null;
  let conns = 0;
  let retryAt = 0;
  const open = new Map<ConnId, string>();
  const have = new Set<string>();
  return toy(
    (event, now) => {
      const out: Effect[] = [];
      if (offer === null) {
        offer = { path, content, files, bytes: size, timestamp: now.wall, image };
        out.push({ kind: "trace", mark: "signed", fields: { upload: spec.id, timestamp: now.wall, image } });
      }
      if (event.kind === "conn_open")
        out.push({ kind: "send_frame", conn: event.conn, bytes: sealed(JSON.stringify(offer)), told: false });
      if (event.kind === "conn_closed") open.delete(event.conn);
      const said = event.kind === "frame" ? opened(event.bytes) : null;
      const from = event.kind === "frame" && said === "have" ? open.get(event.conn) : undefined;
      if (from !== undefined) {
        have.add(from);
        out.push({ kind: "trace", mark: "received", fields: { upload: spec.id, from } });
      }
      if (now.mono >= retryAt) {
        retryAt = now.mono + 1_000;
        for (const address of spec.servers) {
          if (have.has(address) || [...open.values()].includes(address)) continue;
          conns += 2;
          open.set((conns - 1) as ConnId, address);
          out.push({ kind: "dial", conn: (conns - 1) as ConnId, address });
        }
        if (now.mono > 10_000 || have.size === spec.servers.length) out.push({ kind: "stopped" });
      }
      return out;
    },
    [],
    () => retryAt as MonoMs,
  );
}
