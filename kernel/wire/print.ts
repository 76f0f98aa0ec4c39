/** Messages and packets as one line each, for scripts and traces. Text from outside is quoted, so a line stays one. */
import { unreachable } from "../assert.ts";
import type { Message, Notification, Request, Response } from "./message.ts";
import type { GossipMessage, Packet } from "./packet.ts";

export function printMessage(message: Message): string {
  switch (message.kind) {
    case "request":
      return `#${message.id} ${printRequest(message.request)}`;
    case "response":
      return `#${message.id} -> ${printResponse(message.response)}`;
    case "notification":
      return printNotification(message.notification);
    default:
      return unreachable(message);
  }
}

function printRequest(request: Request): string {
  switch (request.type) {
    case "AppendDir":
    case "ReplaceDir": {
      const { type, path, image, timestamp, signatures } = request;
      const old =
        type === "ReplaceDir" ? ` old=${request.oldImage === null ? "any" : brief(request.oldImage)}` : "";
      return `${type} ${brief(image)} ${quoted(path)} t=${timestamp}${old} signatures=${signatures.length}`;
    }
    case "GetIndex":
      return `GetIndex ${brief(request.image)}${request.hint === null ? "" : ` ${quoted(request.hint)}`}`;
    case "GetIndexAt":
    case "GetBaseDir":
      return `${request.type} ${quoted(request.path)}`;
    case "GetBlock": {
      const { hash, hint } = request;
      const where = hint === null ? "" : ` ${quoted(hint.path)} ${quoted(hint.file)}@${hint.offset}`;
      return `GetBlock ${brief(hash)}${where}`;
    }
    default:
      return unreachable(request);
  }
}

function printResponse(response: Response): string {
  switch (response.type) {
    case "AppendDir":
    case "ReplaceDir": {
      const verdict = response.accepted ? "accepted" : "rejected";
      const reason = response.reason === null ? "" : ` ${quoted(response.reason)}`;
      return `${response.type} ${verdict}${reason} hosts=${response.hosts.size}`;
    }
    case "GetIndex":
    case "GetBlock":
      return `${response.type} ${response.data.length} bytes`;
    case "GetIndexAt":
      return `GetIndexAt ${response.data === null ? "none" : `${response.data.length} bytes`} hosts=${response.hosts.size}`;
    case "GetBaseDir":
      return `GetBaseDir ${response.listing.length} images`;
    case "Error":
      return `Error ${quoted(response.text)}`;
    default:
      return unreachable(response);
  }
}

function printNotification(notification: Notification): string {
  const { type, image } = notification;
  if (type === "PublishImage") return `PublishImage ${brief(image)}`;
  const { path, machine, hostname, forwarded } = notification;
  const reason = type === "AbortedImage" ? ` ${quoted(notification.reason)}` : "";
  const by = `${brief(machine)} ${quoted(hostname)}${forwarded ? " forwarded" : ""}`;
  return `${type} ${brief(image)} ${quoted(path)} at ${by}${reason}`;
}

export function printPacket(packet: Packet): string {
  const config = packet.yourConfig === null ? "-" : brief(packet.yourConfig);
  return `${brief(packet.machine)} config=${config} ${printGossip(packet.message)}`;
}

function printGossip(message: GossipMessage): string {
  switch (message.type) {
    case "BaseDirs": {
      const { inProgress, watching, deleted, baseDirs, complete } = message;
      const counts = `progress=${inProgress.size} watching=${watching.length} deleted=${deleted.length}`;
      return `BaseDirs ${counts} dirs=${baseDirs.size} complete=${complete.size}`;
    }
    case "Downloading": {
      const { path, image, mask, source, watches } = message;
      const flags = `mask=${mask.toString(16).padStart(4, "0")}${source ? " source" : ""}`;
      return `Downloading ${brief(image)} ${quoted(path)} ${flags} watches=${watches.length}`;
    }
    case "Reconcile":
      return `Reconcile ${brief(message.digest)} ${quoted(message.path)} watches=${message.watches.size}`;
    case "Complete":
      return `Complete ${brief(message.image)} ${quoted(message.path)}`;
    case "CompleteAck":
      return `CompleteAck ${quoted(message.path)}`;
    case "ConfigSync":
      return `ConfigSync ${message.paths.map(quoted).join(" ")}`.trimEnd();
    default:
      return unreachable(message);
  }
}

function brief(id: string): string {
  return `${id.slice(0, 4)}..`;
}

const PLAIN = /^[\x21\x23-\x5b\x5d-\x7e]+$/; // visible ASCII without quote and backslash

function quoted(text: string): string {
  if (PLAIN.test(text)) return text;
  // Line separators and other characters that JSON leaves as they are could still break or forge a line.
  return JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
