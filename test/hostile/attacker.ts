/** Somebody without a key who reaches the port: datagrams, WebSocket messages and bare bytes, from any address. */
import { createSocket, type Socket } from "node:dgram";
import { connect, type Socket as TcpSocket } from "node:net";
import { WebSocket } from "ws";
import type { MachineId, VPath } from "../../kernel/ids.ts";
import { type Decoded, decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message, Request, Response } from "../../kernel/wire/message.ts";
import { encodePacket, type GossipMessage } from "../../kernel/wire/packet.ts";

const ANSWER_MS = 5_000;
const HEARD_MS = 60_000; // much may be before it

export class Datagrams {
  readonly #socket: Socket;
  readonly #port: number;
  sent = 0;
  received = 0;
  /** Bytes of the longest that came. */
  longest = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on("message", (bytes) => {
      this.received += bytes.length;
      this.longest = Math.max(this.longest, bytes.length);
    });
  }

  static from(address: string, port: number): Promise<Datagrams> {
    const socket = createSocket("udp4");
    return new Promise((done) => socket.bind(port, address, () => done(new Datagrams(socket, port))));
  }

  send(to: string, bytes: Uint8Array): Promise<void> {
    this.sent += bytes.length;
    return new Promise((done) => this.#socket.send(bytes, this.#port, to, () => done()));
  }

  say(to: string, machine: string, message: GossipMessage): Promise<void> {
    const yourConfig = null;
    return this.send(to, encodePacket({ machine: machine as MachineId, yourConfig, message }));
  }

  close(): void {
    this.#socket.close();
  }
}

export class Link {
  readonly #socket: WebSocket;
  /** What it was asked, with what it is to say. */
  readonly asked: Request[] = [];
  #next = 1;
  #waiting = new Map<number, (response: Response | null) => void>();
  closed = false;

  private constructor(socket: WebSocket, answer: (request: Request) => Response | null) {
    this.#socket = socket;
    socket.on("close", () => {
      this.closed = true;
      for (const done of this.#waiting.values()) done(null);
    });
    socket.on("error", () => undefined);
    socket.on("message", (bytes: Buffer) => {
      const decoded: Decoded = decodeFrame(bytes);
      if (!decoded.ok) return;
      const { message } = decoded;
      if (message.kind === "response") this.#waiting.get(message.id)?.(message.response);
      if (message.kind !== "request") return;
      this.asked.push(message.request);
      const response = answer(message.request);
      if (response !== null) this.say({ kind: "response", id: message.id, response });
    });
  }

  static to(
    host: string,
    port: number,
    answer: (request: Request) => Response | null = () => null,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Link> {
    const socket = new WebSocket(`ws://${host}:${port}/`, { headers, perMessageDeflate: false });
    return new Promise((done, fail) => {
      socket.once("open", () => done(new Link(socket, answer)));
      socket.once("error", fail);
    });
  }

  say(message: Message): void {
    this.raw(encodeFrame(message));
  }

  raw(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /**
   * Whether all that was said before has come to the server: it answers what is asked behind it, or it has ended the
   * connection. Null when it does neither, which proves nothing.
   */
  async heard(): Promise<"answered" | "ended" | null> {
    const answer = this.closed
      ? null
      : await this.ask({ type: "GetBaseDir", path: "/site" as VPath }, HEARD_MS);
    if (answer !== null) return "answered";
    return this.closed ? "ended" : null;
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The answer; null when there is none in time or the connection ends. */
  ask(request: Request, waitMs = ANSWER_MS): Promise<Response | null> {
    const id = this.#next++;
    this.say({ kind: "request", id, request });
    return new Promise((done) => {
      this.#waiting.set(id, done);
      setTimeout(() => done(null), waitMs).unref();
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Bare bytes; `ended` when the other side has closed. */
export function dial(
  host: string,
  port: number,
  first: string | Uint8Array,
  localAddress?: string,
): Promise<TcpSocket> {
  const socket = connect(localAddress === undefined ? { host, port } : { host, port, localAddress });
  socket.on("error", () => undefined);
  socket.resume();
  return new Promise((done) => {
    socket.once("connect", () => socket.write(first, () => done(socket)));
    socket.once("close", () => done(socket));
  });
}
