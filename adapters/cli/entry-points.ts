/** Entry points: a name, an IPv4 address, `[IPv6]`, each with or without a port; and how they form clusters. */
import { isIPv4, isIPv6 } from "node:net";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { ClusterJob } from "../../kernel/uploader.ts";
import { quoted } from "./text.ts";

const NAME_MAX = 253; // of DNS
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$/;
const WHOLE = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]*))?$/;
const EXAMPLES = "write HOST or HOST:PORT, such as node1.example.org, 10.0.0.1:24783 or [fd00::1]:24783";

/** Null when it can be resolved; else what is wrong with it. */
function wrongIn(text: string): string | null {
  if (isIPv6(text) && !text.includes("%")) return null;
  const match = WHOLE.exec(text);
  if (match === null) return "not a host";
  const [, six, name = "", port] = match;
  if (six !== undefined && (!isIPv6(six) || six.includes("%"))) return "no IPv6 address in the brackets";
  if (six === undefined && !isName(name)) return "not a host";
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535 || port.length > 5))
    return "the port is not one from 1 to 65535";
  return null;
}

function isName(name: string): boolean {
  if (/^[0-9.]+$/.test(name)) return isIPv4(name);
  return name.length <= NAME_MAX && NAME.test(name) && !name.includes("..");
}

/**
 * Each entry point a cluster, or with `multiple` all of them one, up to the next `--`. A cluster that is named twice
 * is one cluster.
 */
export function parseClusters(
  words: readonly string[],
  multiple: boolean,
): Result<readonly ClusterJob[], "host"> {
  const hosts = words.filter((word) => word !== "--");
  for (const host of hosts) {
    const wrong = wrongIn(host);
    if (wrong !== null) return refused("host", `${quoted(host)}: ${wrong}; ${EXAMPLES}`);
  }
  const groups = multiple ? groupsOf(words) : hosts.map((host) => [host]);
  const clusters = new Map<string, ClusterJob>();
  for (const group of groups) {
    const entryPoints = [...new Set(group)];
    const name = entryPoints.join(" ");
    clusters.set(name, { name, entryPoints });
  }
  return accepted([...clusters.values()]);
}

function groupsOf(words: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [[]];
  for (const word of words) {
    if (word === "--") groups.push([]);
    else groups.at(-1)?.push(word);
  }
  return groups.filter((group) => group.length > 0);
}

/** Words of a command line that mean these clusters. */
export function hostWords(clusters: readonly ClusterJob[]): readonly string[] {
  const single = clusters.every(({ entryPoints }) => entryPoints.length === 1);
  const words = clusters.flatMap(({ entryPoints }) => (single ? entryPoints : ["--", ...entryPoints]));
  return single ? words : ["-m", ...words];
}

/** How 0.6.12 calls a cluster in its lines. */
export function labelOf(clusterName: string): string {
  const hosts = clusterName.split(" ").length;
  return hosts === 1 ? clusterName : `(${hosts} hosts)`;
}
