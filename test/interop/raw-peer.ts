/** A server made by hand from gossip.md: datagrams from an address that the others list, and a listing that is asked for there. */
import { createSocket, type Socket } from "node:dgram";
import { WebSocketServer } from "ws";
import { asArray, asHex, asMap, decode, encode, type Fields, map } from "./cbor.ts";
import { hash } from "./image.ts";
import type { Scene } from "./scene.ts";

export type Packet = {
  readonly from: string;
  readonly machine: string;
  /** Null or hex digits. */
  readonly yourConfig: string | null;
  readonly variant: string;
  readonly body: Fields;
};

/** The hash of a config list (gossip.md 4). */
export function configHash(paths: readonly string[]): string {
  return hash(encode(paths));
}

export class RawPeer {
  readonly #socket: Socket;
  readonly #scene: Scene;
  readonly machine: string;
  readonly packets: Packet[] = [];

  private constructor(scene: Scene, socket: Socket, machine: string) {
    this.#scene = scene;
    this.#socket = socket;
    this.machine = machine;
    socket.on("message", (bytes, from) => {
      const packet = asMap(decode(bytes));
      const [variant, body] = asArray(packet.get("message"));
      const yours = packet.get("your_config");
      this.packets.push({
        from: from.address,
        machine: asHex(packet.get("machine_id")),
        yourConfig: yours instanceof Uint8Array ? asHex(yours) : null,
        variant: String(variant),
        body: asMap(body),
      });
    });
  }

  static open(scene: Scene, machine = "ab".repeat(16)): Promise<RawPeer> {
    const socket = createSocket("udp4");
    scene.onClose(() => socket.close());
    return new Promise((done, fail) => {
      socket.once("error", fail);
      socket.bind(scene.port, scene.address(scene.hand()), () => done(new RawPeer(scene, socket, machine)));
    });
  }

  say(
    node: number,
    yourConfig: string | null,
    variant: string,
    body: Readonly<Record<string, unknown>>,
  ): void {
    const packet = map({
      machine_id: Buffer.from(this.machine, "hex"),
      your_config: yourConfig === null ? null : Buffer.from(yourConfig, "hex"),
      message: [variant, map(body)],
    });
    this.#socket.send(encode(packet), this.#scene.port, this.#scene.address(node));
  }

  /** `BaseDirs` with what is given, and nothing else. */
  beat(node: number, yourConfig: string | null, more: Readonly<Record<string, unknown>> = {}): void {
    const empty = {
      in_progress: new Map(),
      watching: [],
      deleted: [],
      base_dirs: new Map(),
      complete: new Map(),
    };
    this.say(node, yourConfig, "BaseDirs", { ...empty, ...more });
  }

  heard(node: number, variant: string): readonly Packet[] {
    const from = this.#scene.address(node);
    return this.packets.filter((packet) => packet.from === from && packet.variant === variant);
  }
}

/** Answers requests of servers, at the address of the peer by hand. */
export function serveByHand(
  scene: Scene,
  answer: (type: string, fields: Fields) => Readonly<Record<string, unknown>> | null,
): Promise<void> {
  const server = new WebSocketServer({
    host: scene.address(scene.hand()),
    port: scene.port,
    perMessageDeflate: false,
  });
  scene.onClose(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("message", (bytes: Buffer) => {
      const [kind, type, id, fields] = asArray(decode(bytes));
      if (kind !== 1) return;
      const found = answer(String(type), asMap(fields));
      socket.send(encode(found === null ? [2, "Error", id, "not here"] : [2, type, id, map(found)]));
    });
  });
  return new Promise((done, fail) => {
    server.once("listening", () => done());
    server.once("error", fail);
  });
}
