/**
 * Messages to frames and back. A frame that is not a message is refused with a code; when its id can be read, the
 * refusal carries it, so that a request can be answered and a response fails what waits for it.
 */
import { unreachable } from "../assert.ts";
import { type VPath, parseVPath } from "../ids.ts";
import { fromHex } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor, encodeCborEndingIn, encodeCborEndingInMap } from "./cbor.ts";
import type { CborRefusal } from "./guard.ts";
import { ENTRIES_MAX, SIGNATURES_MAX, TEXT_LENGTH_MAX } from "./limits.ts";
import type {
  Hosts,
  Message,
  Notification,
  Receipt,
  Request,
  RequestId,
  Response,
  Upload,
} from "./message.ts";
import {
  type Members,
  readBlockHash,
  readData,
  readDigest,
  readHosts,
  readImageId,
  readMachineId,
  readMembers,
  readSignatureBytes,
  readSignedState,
  readText,
  readUnsigned,
} from "./shape.ts";
import type { Listing } from "./signed-state.ts";
import { encodeListing } from "./state-file.ts";

export type FrameRefusal =
  | CborRefusal
  | "unknown_message"
  | "bad_path" // not in normal form: another server could not rebuild the signed text
  | "bad_field"
  | "too_many_entries"
  | "too_many_signatures";

/** Which request a refused frame belongs to: one that can be answered, or one of ours that has failed. */
export type About = { readonly kind: "request" | "response"; readonly id: RequestId };

export type Decoded =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false;
      readonly code: FrameRefusal;
      readonly detail: string;
      readonly about: About | null;
    };

const NOTIFICATION = 0;
const REQUEST = 1;
const RESPONSE = 2;

export function decodeFrame(bytes: Uint8Array): Decoded {
  const decoded = decodeCbor(bytes, "refuse");
  if (!decoded.ok) return { ok: false, code: decoded.code, detail: decoded.detail, about: null };
  const frame = decoded.value;
  if (!Array.isArray(frame)) return unknown("not an array");
  const [kind, type] = frame as readonly unknown[];
  if (typeof type !== "string") return unknown("no type");
  if (kind === NOTIFICATION && frame.length === 3) {
    const members = readMembers(frame[2]);
    const notification = members === null ? "bad_field" : readNotification(type, members);
    return typeof notification === "string"
      ? { ok: false, code: notification, detail: short(type), about: null }
      : { ok: true, message: { kind: "notification", notification } };
  }
  const id = readUnsigned(frame[2]);
  if (id === null || frame.length !== 4) return unknown(short(type));
  if (kind === REQUEST) {
    const members = readMembers(frame[3]);
    const request = members === null ? "bad_field" : readRequest(type, members);
    return typeof request === "string"
      ? { ok: false, code: request, detail: short(type), about: { kind: "request", id } }
      : { ok: true, message: { kind: "request", id, request } };
  }
  if (kind !== RESPONSE) return unknown(short(type));
  const response = readResponse(type, frame[3]);
  return typeof response === "string"
    ? { ok: false, code: response, detail: short(type), about: { kind: "response", id } }
    : { ok: true, message: { kind: "response", id, response } };
}

function unknown(detail: string): Decoded {
  return { ok: false, code: "unknown_message", detail, about: null };
}

function short(text: string): string {
  return text.slice(0, TEXT_LENGTH_MAX);
}

function readRequest(type: string, members: Members): Request | FrameRefusal {
  switch (type) {
    case "AppendDir": {
      const upload = readUpload(members);
      return typeof upload === "string" ? upload : { type, ...upload };
    }
    case "ReplaceDir": {
      const upload = readUpload(members);
      if (typeof upload === "string") return upload;
      const oldImage = readOptional(members, "old_image", readImageId);
      return oldImage === undefined ? "bad_field" : { type, oldImage, ...upload };
    }
    case "GetIndex": {
      const image = readImageId(members.get("id"));
      if (image === null) return "bad_field";
      // 0.6.12 sends a hint always and looks at it never, so one that we cannot read is no reason to refuse.
      return { type, image, hint: readPath(members.get("hint")) };
    }
    case "GetIndexAt":
    case "GetBaseDir": {
      const path = readPath(members.get("path"));
      return path === null ? "bad_path" : { type, path };
    }
    case "GetBlock": {
      const hash = readBlockHash(members.get("hash"));
      if (hash === null) return "bad_field";
      const hint = members.get("hint") ?? null;
      if (hint === null) return { type, hash, hint };
      if (!Array.isArray(hint) || hint.length !== 3) return "bad_field";
      const path = readPath(hint[0]);
      const file = readText(hint[1]);
      const offset = readUnsigned(hint[2]);
      if (path === null) return "bad_path";
      return file === null || offset === null ? "bad_field" : { type, hash, hint: { path, file, offset } };
    }
    default:
      return "unknown_message";
  }
}

function readUpload(members: Members): Upload | FrameRefusal {
  const path = readPath(members.get("path"));
  if (path === null) return "bad_path";
  const image = readImageId(members.get("image"));
  const timestamp = readUnsigned(members.get("timestamp"));
  const list = members.get("signatures");
  if (image === null || timestamp === null || !Array.isArray(list)) return "bad_field";
  if (list.length > SIGNATURES_MAX) return "too_many_signatures";
  const signatures = list.map(readSignatureBytes);
  return signatures.every((each) => each !== null) ? { path, image, timestamp, signatures } : "bad_field";
}

function readPath(value: unknown): VPath | null {
  return typeof value === "string" ? parseVPath(value) : null;
}

/** Null when it is missing or null, undefined when it has another shape. */
function readOptional<T>(
  members: Members,
  name: string,
  read: (value: unknown) => T | null,
): T | null | undefined {
  const value = members.get(name) ?? null;
  return value === null ? null : (read(value) ?? undefined);
}

function readResponse(type: string, body: unknown): Response | FrameRefusal {
  if (type === "Error") {
    return typeof body === "string" ? { type, text: short(body) } : "bad_field";
  }
  const members = readMembers(body);
  if (members === null) return "bad_field";
  switch (type) {
    case "AppendDir":
    case "ReplaceDir": {
      const accepted = members.get("accepted");
      const reason = readOptional(members, "reject_reason", readText);
      const hosts = readHosts(members.get("hosts"));
      if (typeof accepted !== "boolean" || hosts === null || reason === undefined) return "bad_field";
      return { type, accepted, reason: reason === null ? null : short(reason), hosts };
    }
    case "GetIndex":
    case "GetBlock": {
      const data = readData(members.get("data"));
      return data === null ? "bad_field" : { type, data };
    }
    case "GetIndexAt": {
      const data = members.get("data") ?? null;
      const bytes = data === null ? null : readData(data);
      const hosts = readHosts(members.get("hosts"));
      if (hosts === null || (data !== null && bytes === null)) return "bad_field";
      return { type, data: bytes, hosts };
    }
    case "GetBaseDir": {
      const configHash = readDigest(members.get("config_hash"));
      const keepListHash = readDigest(members.get("keep_list_hash"));
      const listing = readListing(members.get("dirs"));
      if (configHash === null || keepListHash === null) return "bad_field";
      return typeof listing === "string" ? listing : { type, configHash, keepListHash, listing };
    }
    default:
      return "unknown_message";
  }
}

/** One name that is no component, or one entry that is no state, spoils the listing: its digest would not hold. */
function readListing(value: unknown): Listing | FrameRefusal {
  const members = readMembers(value);
  if (members === null) return "bad_field";
  if (members.size > ENTRIES_MAX) return "too_many_entries";
  const listing: (readonly [string, NonNullable<ReturnType<typeof readSignedState>>])[] = [];
  for (const [name, each] of members) {
    const state = readSignedState(each);
    if (typeof name !== "string" || state === null) return "bad_field";
    if (name.includes("/") || parseVPath(`/${name}`) === null) return "bad_path";
    listing.push([name, state]);
  }
  return listing;
}

function readNotification(type: string, members: Members): Notification | FrameRefusal {
  const image = readImageId(members.get("id"));
  if (image === null) return "bad_field";
  if (type === "PublishImage") return { type, image };
  if (type !== "ReceivedImage" && type !== "AbortedImage") return "unknown_message";
  const path = readPath(members.get("path"));
  const machine = readMachineId(members.get("machine_id"));
  const hostname = readText(members.get("hostname"));
  const forwarded = members.get("forwarded");
  if (path === null) return "bad_path";
  if (machine === null || hostname === null || typeof forwarded !== "boolean") return "bad_field";
  const receipt: Receipt = { image, path, machine, hostname: short(hostname), forwarded };
  if (type === "ReceivedImage") return { type, ...receipt };
  const reason = readText(members.get("reason"));
  return reason === null ? "bad_field" : { type, ...receipt, reason: short(reason) };
}

export function encodeFrame(message: Message): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case "request":
      return encodeCbor([REQUEST, message.request.type, message.id, cborOfRequest(message.request)]);
    case "response":
      return encodeResponse(message.id, message.response);
    case "notification":
      return encodeCbor([NOTIFICATION, message.notification.type, cborOfNotification(message.notification)]);
    default:
      return unreachable(message);
  }
}

function encodeResponse(id: RequestId, response: Response): Uint8Array<ArrayBuffer> {
  const frame: Cbor = [RESPONSE, response.type, id, cborOfResponse(response)];
  if (response.type === "GetBaseDir") return encodeCborEndingInMap(frame, encodeListing(response.listing));
  const endsInData = response.type === "GetBlock" || response.type === "GetIndex";
  return endsInData ? encodeCborEndingIn(frame, response.data) : encodeCbor(frame);
}

function cborOfRequest(request: Request): Cbor {
  switch (request.type) {
    case "AppendDir":
      return struct([
        ["path", request.path],
        ["image", fromHex(request.image)],
        ["timestamp", request.timestamp],
        ["signatures", cborOfSignatures(request.signatures)],
      ]);
    case "ReplaceDir":
      return struct([
        ["path", request.path],
        ["image", fromHex(request.image)],
        ["old_image", request.oldImage === null ? null : fromHex(request.oldImage)],
        ["timestamp", request.timestamp],
        ["signatures", cborOfSignatures(request.signatures)],
      ]);
    case "GetIndex":
      return struct([
        ["id", fromHex(request.image)],
        ["hint", request.hint],
      ]);
    case "GetIndexAt":
    case "GetBaseDir":
      return struct([["path", request.path]]);
    case "GetBlock": {
      const { hint } = request;
      return struct([
        ["hash", fromHex(request.hash)],
        ["hint", hint === null ? null : [hint.path, hint.file, hint.offset]],
      ]);
    }
    default:
      return unreachable(request);
  }
}

function cborOfResponse(response: Response): Cbor {
  switch (response.type) {
    case "AppendDir":
    case "ReplaceDir":
      return struct([
        ["accepted", response.accepted],
        ["reject_reason", response.reason],
        ["hosts", cborOfHosts(response.hosts)],
      ]);
    case "GetIndex":
    case "GetBlock":
      return struct([["data", NO_BYTES]]); // the bytes come behind it
    case "GetIndexAt":
      return struct([
        ["data", response.data],
        ["hosts", cborOfHosts(response.hosts)],
      ]);
    case "GetBaseDir":
      return struct([
        ["config_hash", fromHex(response.configHash)],
        ["keep_list_hash", fromHex(response.keepListHash)],
        ["dirs", new Map()], // the listing comes in its place
      ]);
    case "Error":
      return response.text;
    default:
      return unreachable(response);
  }
}

function cborOfNotification(notification: Notification): Cbor {
  if (notification.type === "PublishImage") return struct([["id", fromHex(notification.image)]]);
  return struct([
    ["id", fromHex(notification.image)],
    ["path", notification.path],
    ["machine_id", fromHex(notification.machine)],
    ["hostname", notification.hostname],
    ["forwarded", notification.forwarded],
    ...(notification.type === "AbortedImage" ? ([["reason", notification.reason]] as const) : []),
  ]);
}

const NO_BYTES = new Uint8Array();

function struct(members: readonly (readonly [string, Cbor])[]): Cbor {
  return new Map(members);
}

function cborOfSignatures(signatures: readonly Uint8Array[]): Cbor {
  return signatures.map((bytes) => ["ssh-ed25519", bytes]);
}

function cborOfHosts(hosts: Hosts): Cbor {
  return new Map(Array.from(hosts, ([machine, name]) => [fromHex(machine), name]));
}
