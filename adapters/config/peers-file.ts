/**
 * `peers.txt`: one host a line. 0.6.12 takes letters, digits, `.`, `_` and `-` only; IPv6, HOST:PORT and services (`_ciruela._tcp.example.org`, by the SRV records of DNS) are ours, and
 * an old server that shares the file reports such a line and skips it. A bad line costs that line, never the start.
 */
import { isIPv6 } from "node:net";
import { type Problem, shown } from "./problem.ts";

export type PeerEntry = {
  /** The line as it is written: clients of 0.6.12 are told this text. */
  readonly text: string;
  /** For the resolver: lower case, an IPv6 address without brackets. */
  readonly host: string;
  /** Null: the port that this server listens on. */
  readonly port: number | null;
};

export const PEER_ENTRIES_MAX = 10_000; // as many peers as the design is for

const NAME = /^[A-Za-z0-9._-]+$/;
const NAME_AND_PORT = /^([A-Za-z0-9._-]+):(.*)$/;
const BRACKETS = /^\[([^\]]*)\](?::(.*))?$/;
const MEND = "write one name or address a line, such as node1.example.org, 10.0.0.1, ::1 or [::1]:24783";

export function parsePeers(
  file: string,
  text: string,
): { readonly peers: readonly PeerEntry[]; readonly warnings: readonly Problem[] } {
  const peers: PeerEntry[] = [];
  const warnings: Problem[] = [];
  const lines = text.replace(/^\ufeff/, "").split("\n");
  for (const [index, whole] of lines.entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const at = { file, line: index + 1, col: whole.length - whole.trimStart().length + 1 };
    if (peers.length === PEER_ENTRIES_MAX) {
      warnings.push({
        ...at,
        what: `more than ${PEER_ENTRIES_MAX} hosts`,
        mend: "the rest of the file is skipped",
      });
      break;
    }
    const entry = parsePeer(line);
    if (typeof entry !== "string") peers.push(entry);
    else warnings.push({ ...at, what: `${entry} ${shown(line)}, line skipped`, mend: MEND });
  }
  return { peers, warnings };
}

/** An entry, or what is wrong with the line. */
function parsePeer(text: string): PeerEntry | string {
  if (isIPv6(text)) return { text, host: text.toLowerCase(), port: null };
  const brackets = BRACKETS.exec(text);
  if (brackets !== null) {
    const [, address = "", port] = brackets;
    return isIPv6(address) ? withPort(text, address, port ?? null) : "not an IPv6 address in";
  }
  if (NAME.test(text)) return withPort(text, text, null);
  const pair = NAME_AND_PORT.exec(text);
  return pair === null ? "not a host:" : withPort(text, pair[1] ?? "", pair[2] ?? "");
}

function withPort(text: string, host: string, port: string | null): PeerEntry | string {
  if (host.startsWith("_") && port !== null) return "a service, which has its own ports, with a port:";
  if (port === null) return { text, host: host.toLowerCase(), port: null };
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) return "no port from 1 to 65535 in";
  return { text, host: host.toLowerCase(), port: number };
}
