/**
 * One port for two protocols: status pages as JSON over plain HTTP, and upgrades to WebSocket, which are handed on.
 * Pages are for people and scripts of the operator; what a browser does on behalf of another site is refused.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "../kernel/ids.ts";
import { formatAddress, plainHost } from "./address.ts";
import { createAdmission } from "./admission.ts";
import { isOwnHost } from "./host-header.ts";
import { endWith } from "./last-words.ts";

const HEADERS_MS = 5_000; // the original's patience for a first byte
const REQUEST_MS = 10_000;
const KEEP_ALIVE_MS = 90_000; // the original's
const STALLED_MS = 30_000; // a reader of a page that does not read
const CHECK_MS = 1_000; // how often the two above are looked at
const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_MAX = 64;
const REQUESTS_PER_SOCKET_MAX = 10_000;
const CONNECTIONS_MAX = 2_000; // the original's thousand of pages, and a thousand links
const CONNECTIONS_PER_ADDRESS_MAX = 250; // an eighth: who takes all that he gets leaves room for the others
const BACKLOG = 1_024; // a cluster that starts at once

export type HttpServer = {
  readonly address: Address;
  /** Takes no more connections and ends those that stand, upgraded ones apart. */
  close(): Promise<void>;
};

export type HttpOptions = {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly connectionsMax?: number;
  /** Whether an IP address is one of the peer list. */
  readonly isPeer?: (address: string) => boolean;
  /** Names under which pages are asked for, besides addresses and names without a dot; in lower case. */
  readonly ownNames: () => ReadonlySet<string>;
  /** A JSON value for exactly this target, or null when there is no such page. */
  readonly page: (path: string) => unknown;
  readonly pageFailed: (path: string, error: unknown) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
};

/** Listens, or rejects with the system's error (EADDRINUSE, EACCES, ...). */
export async function openHttpServer(options: HttpOptions): Promise<HttpServer> {
  const server: Server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    },
    (request, response) => answer(options, request, response),
  );
  server.maxHeadersCount = HEADERS_MAX;
  server.maxRequestsPerSocket = REQUESTS_PER_SOCKET_MAX;
  server.timeout = STALLED_MS;
  const admission = createAdmission({
    connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
    perAddressMax: CONNECTIONS_PER_ADDRESS_MAX, // upgraded ones counted
    isPeer: options.isPeer,
  });
  server.on("connection", (socket) => {
    const leave = admission.enter(plainHost(socket.remoteAddress ?? ""));
    if (leave === null) socket.destroy();
    else socket.once("close", leave);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy()); // until the link takes it over
    options.upgrade(request, socket, head);
  });
  server.on("clientError", (_, socket: Duplex) => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const head = `HTTP/1.1 400 Bad Request\r\nServer: ciruela/${options.version}\r\nConnection: close`;
    endWith(socket, `${head}\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nBad Request`);
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen({ host: options.host, port: options.port, exclusive: true, backlog: BACKLOG }, listening);
  });
  server.removeAllListeners("error");
  server.on("error", () => {}); // of one accept, when descriptors run out; the next one may do
  const own = server.address() as AddressInfo;
  return {
    address: formatAddress(own.address, own.port),
    close() {
      return new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
    },
  };
}

const FOREIGN_HOST =
  "Not a name of this server: ask by its address, or list the name in peers.txt or as --override-hostname\n";

function answer(options: HttpOptions, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = "" } = request;
  response.setHeader("Server", `ciruela/${options.version}`);
  if (!url.startsWith("/")) return end(response, 400, "Bad Request");
  if (isForeign(request)) return end(response, 403, "Forbidden");
  if (!isOwnHost(request.headers.host, options.ownNames())) return end(response, 421, FOREIGN_HOST);
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return end(response, 405, "Method Not Allowed");
  }
  let text: string | null;
  try {
    const value = options.page(url);
    text = value === null ? null : JSON.stringify(value);
  } catch (error) {
    // A page changes nothing, so a bug in one costs that page and not the server.
    options.pageFailed(url, error);
    return end(response, 500, "Internal Server Error");
  }
  if (text === null) return end(response, 404, "Not found");
  response.setHeader("Content-Type", "application/json");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.writeHead(200);
  response.write(text); // without a length: chunked, as the original answers
  response.end();
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "Content-Type": "text/plain", "Content-Length": body.length });
  response.end(body);
}

/** A browser on behalf of another site, or a host name that no server has. */
function isForeign(request: IncomingMessage): boolean {
  const { host, origin } = request.headers;
  const site = request.headers["sec-fetch-site"];
  if (host !== undefined && !/^[\w.:[\]-]{0,255}$/.test(host)) return true;
  if (site !== undefined && site !== "none" && site !== "same-origin") return true;
  return origin !== undefined && origin !== `http://${host ?? ""}`;
}
