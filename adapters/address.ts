/** `IP:PORT` of a socket and back; IPv6 in brackets, and IPv4 that arrives mapped into IPv6 as plain IPv4. */
import type { Address } from "../kernel/ids.ts";

export type SocketAddress = { readonly host: string; readonly port: number };

export function formatAddress(host: string, port: number): Address {
  const plain = host.startsWith("::ffff:") && host.includes(".") ? host.slice("::ffff:".length) : host;
  return (plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`) as Address;
}

export function splitAddress(address: Address): SocketAddress {
  const end = address.lastIndexOf(":");
  const host = address.slice(0, end);
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port: Number(address.slice(end + 1)) };
}
