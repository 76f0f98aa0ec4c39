/**
 * Links over WebSocket: one unfragmented binary frame a message, no sub-protocol, no extension, as 0.6.12 speaks it.
 * Liveness and back-pressure are mechanism and stand here: pings that keep a 0.6.12 peer awake, an end for whoever is
 * silent, and no reading from a socket whose answers pile up.
 */
import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { CloseReason, ConnSide } from "../kernel/event.ts";
import type { Address, ConnId } from "../kernel/ids.ts";
import { formatAddress, plainHost } from "./address.ts";
import { createAdmission } from "./admission.ts";
import { FRAME_BYTES_MAX } from "../kernel/config.ts";
import { endWith } from "./last-words.ts";
import type { Links } from "./port.ts";

const PING_MS = 1_000; // 0.6.12 drops a connection after 5 s without a byte
const SILENCE_MS = 5_000; // and so do we
const HANDSHAKE_MS = 3_000; // two retransmissions of a lost SYN
const FRAGMENTS_MAX = 16; // the protocol has none; the RFC allows them
const SEND_QUEUE_BYTES = 512 * 1024; // above it we stop reading what asks for more
const SEND_QUEUE_FRAMES = 256; // a short frame costs more memory than its bytes
const CONNECTIONS_MAX = 1_000; // the original's cap on sockets
const CONTROL_HEAD_BYTES = 6; // of a masked ping or pong
const UNENDED_BYTES = 64 * 1024; // of a message that has not ended: two blocks
const UNENDED_BYTES_MAX = 160 * 1024 * 1024; // of all links beyond that: one of the largest messages, and a half

/** What 0.6.12's client and server send; no web page can produce it, since a browser's origin has no path. */
const OWN_ORIGINS = ["http://ciruela/", "http://ciruela_internal/"];

export type LinkEvents = {
  readonly open: (conn: ConnId, address: Address, side: ConnSide) => void;
  readonly frame: (conn: ConnId, bytes: Uint8Array) => void;
  readonly closed: (conn: ConnId, why: CloseReason) => void;
};

export type WebSocketLinks = Links & {
  /** Takes an HTTP upgrade of the target `/`; answers everything that is not a WebSocket of ours by a status. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  closeAll(): void;
  count(): number;
};

export type LinkOptions = {
  /** Outgoing connections leave from this address, so that servers on one machine are told apart. */
  readonly localHost: string;
  /** Accepted ones. */
  readonly connectionsMax?: number;
  /** Whether an IP address is one of the peer list. */
  readonly isPeer?: (address: string) => boolean;
  readonly events: LinkEvents;
};

type Link = {
  readonly socket: WebSocket;
  /** Below the framing, once there is one: what one turn of the event loop sends goes out in one call. */
  wire: Duplex | null;
  corked: boolean;
  /** Frames that were given to it and have not gone out. */
  unsent: number;
  heardAt: number;
  /** Bytes that came since the last message, less what pings were. */
  unended: number;
  why: CloseReason;
};

export function createWebSocketLinks(options: LinkOptions): WebSocketLinks {
  const { events } = options;
  const links = new Map<ConnId, Link>();
  const acceptor = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    maxFragments: FRAGMENTS_MAX,
    handleProtocols: () => false,
  });
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const admission = createAdmission({
    connectionsMax,
    perAddressMax: connectionsMax, // an address has its share of sockets, whatever they are for
    isPeer: options.isPeer,
  });
  let accepted = 0;

  const beat = setInterval(() => {
    const now = performance.now();
    for (const link of links.values()) {
      if (link.socket.readyState !== WebSocket.OPEN) continue;
      if (now - link.heardAt > SILENCE_MS) {
        end(link, "silent");
      } else {
        link.socket.ping();
      }
    }
  }, PING_MS);
  beat.unref();

  /** Its send queue is at most this part of the longest. */
  function isShort({ socket, unsent }: Link, part: number): boolean {
    return socket.bufferedAmount <= SEND_QUEUE_BYTES * part && unsent <= SEND_QUEUE_FRAMES * part;
  }

  let corked: Link[] = [];
  function cork(link: Link): void {
    if (link.corked || link.wire === null) return;
    link.corked = true;
    link.wire.cork();
    corked.push(link);
    if (corked.length === 1) setImmediate(uncorkAll);
  }
  function uncorkAll(): void {
    for (const link of corked) {
      link.corked = false;
      link.wire?.uncork();
    }
    corked = [];
  }

  let unended = 0; // beyond the allowance of each link
  function countUnended(link: Link, bytes: number): void {
    const beyond = (): number => Math.max(0, link.unended - UNENDED_BYTES);
    unended -= beyond();
    link.unended = Math.max(0, bytes);
    unended += beyond();
  }

  /** Bytes of any kind are a sign of life: a large message may take longer than the silence that is allowed. */
  function listen(link: Link, wire: Duplex): void {
    link.wire = wire;
    // Before the framing sees them, so that a message which they end takes them off again.
    wire.prependListener("data", (bytes: Buffer) => {
      link.heardAt = performance.now();
      countUnended(link, link.unended + bytes.length);
      if (unended <= UNENDED_BYTES_MAX) return;
      countUnended(link, 0); // at once: its end is told later, and nobody else is to go for it
      end(link, "broken");
    });
  }

  function take(conn: ConnId, socket: WebSocket, why: CloseReason): Link {
    const link: Link = {
      socket,
      wire: null,
      corked: false,
      unsent: 0,
      heardAt: performance.now(),
      unended: 0,
      why,
    };
    links.set(conn, link);
    const control = (data: Buffer) => countUnended(link, link.unended - data.length - CONTROL_HEAD_BYTES);
    socket.on("ping", control);
    socket.on("pong", control);
    socket.on("message", (data, isBinary) => {
      countUnended(link, 0);
      // A text frame is no message of ours; 0.6.12 ignores it too.
      if (isBinary && Buffer.isBuffer(data)) events.frame(conn, data);
    });
    socket.on("error", () => {
      if (link.why === "closed") link.why = "broken";
    });
    socket.on("close", () => {
      countUnended(link, 0);
      links.delete(conn);
      events.closed(conn, link.why);
    });
    return link;
  }

  return {
    dial(conn, address) {
      const socket = dialSocket(address, options.localHost);
      if (socket === null) {
        setImmediate(() => events.closed(conn, "refused"));
        return;
      }
      const link = take(conn, socket, "refused");
      // Of the whole handshake: the library's own timeout begins again with each byte.
      const deadline = setTimeout(() => end(link, "refused"), HANDSHAKE_MS);
      socket.on("close", () => clearTimeout(deadline));
      let wire: Duplex | null = null;
      socket.on("upgrade", (response) => {
        wire = response.socket;
      });
      socket.on("open", () => {
        clearTimeout(deadline);
        if (wire !== null) listen(link, wire);
        link.why = "closed";
        link.heardAt = performance.now();
        events.open(conn, address, "dialled");
      });
    },
    send(conn, bytes, sent) {
      const link = links.get(conn);
      if (link === undefined || link.socket.readyState !== WebSocket.OPEN) return;
      const { socket } = link;
      cork(link);
      link.unsent += 1;
      socket.send(bytes, { binary: true, compress: false, fin: true }, (failure) => {
        link.unsent -= 1;
        if (socket.isPaused && isShort(link, 1 / 2)) socket.resume();
        if (failure === undefined || failure === null) sent?.();
      });
      if (!socket.isPaused && !isShort(link, 1)) socket.pause();
    },
    close(conn) {
      const link = links.get(conn);
      if (link === undefined) return;
      end(link, "asked"); // 0.6.12 does not echo a close frame, so there is no handshake to wait for
    },
    upgrade(request, socket, head) {
      if (socket.destroyed) return;
      const foreign = refuseUpgrade(request);
      const leave = foreign === null ? admission.enter(plainHost(request.socket.remoteAddress ?? "")) : null;
      if (leave === null) {
        const refusal = foreign ?? "503 Service Unavailable";
        endWith(socket, `HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      socket.once("close", leave);
      acceptor.handleUpgrade(request, socket, head, (upgraded) => {
        accepted += 1;
        const conn = (accepted * 2) as ConnId;
        listen(take(conn, upgraded, "closed"), socket);
        const { remoteAddress, remotePort } = request.socket;
        events.open(conn, formatAddress(remoteAddress ?? "0.0.0.0", remotePort ?? 0), "accepted");
      });
    },
    closeAll() {
      clearInterval(beat);
      for (const link of links.values()) end(link, "asked");
    },
    count: () => links.size,
  };
}

/** Null for an address that no URL can have: an IPv6 one with a zone, or a port beyond the last. */
function dialSocket(address: Address, localHost: string): WebSocket | null {
  const url = `ws://${address}/`;
  if (!URL.canParse(url)) return null;
  return new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    maxFragments: FRAGMENTS_MAX,
    handshakeTimeout: HANDSHAKE_MS,
    localAddress: localHost === "0.0.0.0" || localHost === "::" ? undefined : localHost,
    headers: { host: "ciruela_internal", origin: "http://ciruela_internal/" },
  });
}

/** Ends a link at once. A socket that is paused would never tell its end. */
function end(link: Link, why: CloseReason): void {
  link.why = why;
  const { socket, wire } = link;
  if (socket.isPaused) socket.resume();
  // What nobody reads would stay in the system's memory for minutes after an ordinary end.
  if (socket.bufferedAmount > 0 && wire instanceof Socket) wire.resetAndDestroy();
  socket.terminate();
}

/** The status line of a refusal, or null. */
function refuseUpgrade(request: IncomingMessage): string | null {
  if (request.url !== "/") return "404 Not Found";
  const { origin } = request.headers;
  // ws takes version 8 as well, whose frames 0.6.12 does not know.
  if (request.headers["sec-websocket-version"] !== "13") return "400 Bad Request";
  if (origin !== undefined && !OWN_ORIGINS.includes(origin)) return "403 Forbidden";
  if (request.headers["sec-fetch-site"] !== undefined) return "403 Forbidden";
  return null;
}
