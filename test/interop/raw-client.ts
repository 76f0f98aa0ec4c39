/** A connection made by hand from wire.md: requests, answers, notices, and what it is asked for. */
import { WebSocket } from "ws";
import { asArray, asHex, asMap, decode, encode, type Fields, map } from "./cbor.ts";
import { type Image, type Key, imageOf, payload, sign } from "./image.ts";
import type { Scene } from "./scene.ts";
import type { Tree } from "./tree.ts";
import { wrong } from "./wrong.ts";

const ANSWER_MS = 15_000;
const PING_MS = 1_000; // a daemon of 0.6.12 ends a connection that is silent for five seconds

export type Answer =
  | { readonly kind: "response"; readonly fields: Fields }
  | { readonly kind: "error"; readonly text: string };

export class RawClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #images = new Map<string, Image>();
  readonly #pretended = new Map<string, Buffer>();
  #next = 1;
  /** Notifications, in the order in which they came. */
  readonly notices: { readonly type: string; readonly fields: Fields }[] = [];
  /** Hashes of the blocks that it was asked for. */
  readonly asked: string[] = [];
  indexesAsked = 0;
  /** Bytes of the pongs that came. */
  readonly pongs: string[] = [];
  /** Answers to blocks wait until it is opened. */
  #shut = false;
  readonly #held: (() => void)[] = [];
  closed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const timer = setInterval(() => socket.ping("tk-http-ping"), PING_MS);
    socket.on("close", () => {
      this.closed = true;
      clearInterval(timer);
    });
    socket.on("error", () => undefined);
    socket.on("pong", (bytes: Buffer) => this.pongs.push(bytes.toString()));
    socket.on("message", (bytes: Buffer) => this.#hear(bytes));
  }

  static connect(scene: Scene, node: number): Promise<RawClient> {
    const url = `ws://${scene.address(node)}:${scene.port}/`;
    const socket = new WebSocket(url, { perMessageDeflate: false, origin: "http://ciruela/" });
    scene.onClose(() => socket.terminate());
    return new Promise((done, fail) => {
      // What it hears right after the handshake must not be lost.
      const client = new RawClient(socket);
      socket.once("open", () => done(client));
      socket.once("error", fail);
    });
  }

  /** Has the index and the blocks of a tree, and gives them to who asks. */
  serve(content: Tree): Image {
    const image = imageOf(content);
    this.#images.set(image.id, image);
    this.notify("PublishImage", { id: Buffer.from(image.id, "hex") });
    return image;
  }

  /** Gives another index than that of an image. */
  pretend(id: string, index: Buffer): void {
    this.#pretended.set(id, index);
  }

  /** From here on nobody gets a block. */
  shut(): void {
    this.#shut = true;
  }
  /** Gives what was asked for meanwhile. */
  open(): void {
    this.#shut = false;
    for (const give of this.#held.splice(0)) give();
  }

  notify(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.raw(encode([0, type, map(fields)]));
  }

  raw(bytes: Buffer): void {
    this.#socket.send(bytes);
  }
  text(text: string): void {
    this.#socket.send(text);
  }
  ping(payload_: string): void {
    this.#socket.ping(payload_);
  }
  close(): void {
    this.#socket.terminate();
  }

  async ask(type: string, fields: Readonly<Record<string, unknown>>): Promise<Answer> {
    const id = this.#next++;
    this.raw(encode([1, type, id, map(fields)]));
    const answer = await new Promise<Answer | null>((done) => {
      this.#waiting.set(id, done);
      setTimeout(() => done(null), ANSWER_MS).unref();
      this.#socket.once("close", () => done(null));
    });
    return answer ?? wrong(`no answer to ${type}`);
  }

  /** The fields of a response; an error is wrong. */
  async get(type: string, fields: Readonly<Record<string, unknown>>): Promise<Fields> {
    const answer = await this.ask(type, fields);
    return answer.kind === "response"
      ? answer.fields
      : wrong(`${type} was answered with an error: ${answer.text}`);
  }

  /** A signed upload; null when it is accepted, else the reason. */
  async upload(type: "AppendDir" | "ReplaceDir", offer: Offer): Promise<string | null> {
    const timestamp = offer.timestamp ?? Date.now();
    const id = Buffer.from(offer.image ?? imageOf(offer.content).id, "hex");
    const signature = sign(offer.key, payload(offer.signedPath ?? offer.path, id.toString("hex"), timestamp));
    const old = offer.old === undefined ? null : Buffer.from(offer.old, "hex");
    const fields = await this.get(type, {
      path: offer.path,
      image: id,
      ...(type === "ReplaceDir" ? { old_image: old } : {}),
      timestamp: BigInt(timestamp),
      signatures: [["ssh-ed25519", signature]],
    });
    if (fields.get("accepted") === true) return null;
    const reason = fields.get("reject_reason");
    return typeof reason === "string" ? reason : wrong(`${type} was refused without a reason`);
  }

  #hear(bytes: Buffer): void {
    const [kind, type, third, fourth] = asArray(decode(bytes));
    const name = String(type);
    if (kind === 0) this.notices.push({ type: name, fields: asMap(third) });
    if (kind === 1) this.#answer(name, Number(third), asMap(fourth));
    if (kind !== 2) return;
    const answer: Answer =
      name === "Error"
        ? { kind: "error", text: String(fourth) }
        : { kind: "response", fields: asMap(fourth) };
    this.#waiting.get(Number(third))?.(answer);
  }

  #answer(type: string, id: number, fields: Fields): void {
    if (type === "GetIndex") {
      this.indexesAsked += 1;
      const image = asHex(fields.get("id"));
      const index = this.#pretended.get(image) ?? this.#images.get(image)?.index;
      return this.#say(type, id, index, "IndexNotFound");
    }
    if (type !== "GetBlock") return;
    const hash = asHex(fields.get("hash"));
    this.asked.push(hash);
    const give = (): void => {
      const found = [...this.#images.values()].flatMap(({ blocks }) => blocks.get(hash) ?? [])[0];
      this.#say(type, id, this.spoil(hash) ?? found?.bytes, "CantReadBlock");
    };
    if (this.#shut) this.#held.push(give);
    else give();
  }

  /** What is sent instead of a block; null for the block. */
  spoil: (hash: string) => Buffer | null = () => null;

  #say(type: string, id: number, data: Buffer | undefined, error: string): void {
    this.raw(data === undefined ? encode([2, "Error", id, error]) : encode([2, type, id, map({ data })]));
  }
}

export type Offer = {
  readonly key: Key;
  readonly path: string;
  readonly content: Tree;
  /** Instead of the tree's. */
  readonly image?: string;
  readonly timestamp?: number;
  /** What the signature is of, instead of the path. */
  readonly signedPath?: string;
  readonly old?: string;
};
