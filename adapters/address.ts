/** `IP:PORT` of a socket and back; IPv6 in brackets, and IPv4 that arrives mapped into IPv6 as plain IPv4. */
import type { Address } from "../kernel/ids.ts";

export type SocketAddress = { readonly host: string; readonly port: number };

export function formatAddress(host: string, port: number): Address {
  const plain = plainHost(host);
  return (plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`) as Address;
}

export function plainHost(host: string): string {
  return host.startsWith("::ffff:") && host.includes(".") ? host.slice("::ffff:".length) : host;
}

/** What one machine has: an IPv4 address, or the 64 leading bits of an IPv6 address, of which it may use any. */
export function networkOf(host: string): string {
  if (!host.includes(":")) return host;
  const [head = "", tail] = host.replace(/%.*/, "").split("::");
  const leading = head === "" ? [] : head.split(":");
  const trailing = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - leading.length - trailing.length) }, () => "0");
  return `${[...leading, ...zeros, ...trailing].slice(0, 4).join(":")}::/64`;
}

export function splitAddress(address: Address): SocketAddress {
  const end = address.lastIndexOf(":");
  const host = address.slice(0, end);
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port: Number(address.slice(end + 1)) };
}
