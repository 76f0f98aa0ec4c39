/** Frames of the WebSocket and datagrams of gossip, as messages. */
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import { decodePacket, encodePacket } from "../../kernel/wire/packet.ts";
import type { Request } from "../../kernel/wire/message.ts";
import type { Target } from "./engine.ts";
import { CBOR_CODES, hexBytes, hold, known, roughly, sameBytes, vectors } from "./laws.ts";
import { mutateCbor } from "./mutate-cbor.ts";

const FRAME_CODES = new Set([
  ...CBOR_CODES,
  "unknown_message",
  "bad_path",
  "bad_field",
  "too_many_entries",
  "too_many_signatures",
]);
const PACKET_CODES = new Set([...CBOR_CODES, "packet_too_large", "bad_field", "unknown_message"]);
const FILES = ["guard", "cbor", "open-strings", "shape"].map((name) => `kernel/wire/${name}.ts`);

export const frames: Target = {
  name: "frames",
  about:
    "decodeFrame: a message or a code, with the id where it can be read; written and read again it is the same",
  files: [...FILES, "kernel/wire/frame.ts"],
  msPerMiB: 50,
  seeds() {
    const { messages } = vectors("wire.json") as { messages: readonly { hex: string }[] };
    return messages.map(({ hex }) => hexBytes(hex));
  },
  mutate: mutateCbor(
    [
      "AppendDir",
      "ReplaceDir",
      "GetIndex",
      "GetIndexAt",
      "GetBlock",
      "GetBaseDir",
      "Error",
      "PublishImage",
    ].concat(
      [
        "ReceivedImage",
        "AbortedImage",
        "path",
        "image",
        "timestamp",
        "signatures",
        "old_image",
        "id",
        "hint",
      ],
      [
        "hash",
        "data",
        "accepted",
        "reject_reason",
        "hosts",
        "dirs",
        "config_hash",
        "keep_list_hash",
        "machine_id",
      ],
      ["hostname", "forwarded", "reason", "ssh-ed25519", "ssh-rsa"],
    ),
  ),
  run(input) {
    const decoded = decodeFrame(input);
    if (!decoded.ok) {
      hold(decoded.detail.length <= 256, "a detail is short");
      return `${known(decoded.code, FRAME_CODES)} ${decoded.about?.kind ?? ""}`;
    }
    const { message } = decoded;
    if (message.kind === "request") judgeRequest(message.request);
    const printed = encodeFrame(message);
    const again = decodeFrame(printed);
    hold(again.ok, "what is written is read");
    hold(sameBytes(encodeFrame(again.message), printed), "decode after encode is the same");
    const type =
      message.kind === "request"
        ? message.request.type
        : message.kind === "response"
          ? message.response.type
          : message.notification.type;
    return `ok ${message.kind} ${type} ${roughly(printed.length)}`;
  },
};

const ID = /^[0-9a-f]{64}$/;
const PATH = /^(\/[^/\0]+)+$/;

/** The types of a request, looked at once more: the parser could be lax twice, and agree with itself. */
function judgeRequest(request: Request): void {
  if (request.type !== "AppendDir" && request.type !== "ReplaceDir") return;
  hold(PATH.test(request.path), "a path has its normal form");
  hold(ID.test(request.image), "an image id is 32 bytes");
  hold(Number.isSafeInteger(request.timestamp) && request.timestamp >= 0, "a timestamp is a number");
  hold(request.signatures.length <= 16, "signatures have their bound");
  for (const signature of request.signatures) hold(signature.length === 64, "a signature is 64 bytes");
}

export const gossip: Target = {
  name: "gossip",
  about: "decodePacket: a packet or a code; written and read again it is the same",
  files: [...FILES, "kernel/wire/packet.ts"],
  msPerMiB: 50,
  seeds() {
    const { packets } = vectors("gossip.json") as { packets: readonly { hex: string }[] };
    return packets.map(({ hex }) => hexBytes(hex));
  },
  mutate: mutateCbor(
    ["machine_id", "your_config", "message", "BaseDirs", "Downloading", "Reconcile", "Complete"].concat(
      [
        "CompleteAck",
        "ConfigSync",
        "in_progress",
        "watching",
        "deleted",
        "base_dirs",
        "complete",
        "path",
        "paths",
      ],
      ["image", "mask", "source", "watches", "hash", "0".repeat(32), "a".repeat(64)],
    ),
  ),
  run(input) {
    const decoded = decodePacket(input);
    if (!decoded.ok) return known(decoded.code, PACKET_CODES);
    const printed = encodePacket(decoded.value);
    const again = decodePacket(printed);
    hold(again.ok, "what is written is read");
    hold(sameBytes(encodePacket(again.value), printed), "decode after encode is the same");
    return `ok ${decoded.value.message.type} ${roughly(printed.length)}`;
  },
};
