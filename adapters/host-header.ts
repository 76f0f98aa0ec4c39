/**
 * Whether a request means this server by its `Host` header. A web page can make a browser ask us under a name of its
 * own site, once that name resolves to our address; what it reads then counts as its own. Names that no such site can
 * have are let through: addresses, names without a dot, and those that the operator has given.
 */
import { isIP } from "node:net";

/** @param own  in lower case */
export function isOwnHost(header: string | undefined, own: ReadonlySet<string>): boolean {
  if (header === undefined || header === "") return true; // no browser leaves it out
  const name = /^\[([^\]]*)\](:\d*)?$/.exec(header)?.[1] ?? header.replace(/:\d*$/, "");
  const host = name.toLowerCase().replace(/\.$/, "");
  return isIP(host) !== 0 || !host.includes(".") || own.has(host);
}
