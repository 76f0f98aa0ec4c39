/** Datagrams over UDP, sent from the port that we listen on: peers answer by TCP to where a datagram came from. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { Address } from "../kernel/ids.ts";
import { formatAddress, splitAddress } from "./address.ts";
import type { Datagrams } from "./port.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024; // a burst of a few thousand packets while a step runs

export type UdpPort = Datagrams & {
  readonly address: Address;
  /** Datagrams that the system refused to send; gossip repeats itself, so they are counted and not retried. */
  refusedCount(): number;
  close(): Promise<void>;
};

export type UdpOptions = {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly receive: (from: Address, bytes: Uint8Array) => void;
};

/** Binds, or rejects with the system's error (EADDRINUSE, EACCES, ...). */
export async function openUdp(options: UdpOptions): Promise<UdpPort> {
  const socket: Socket = createSocket({
    type: isIPv6(options.host) ? "udp6" : "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  let refused = 0;
  socket.on("message", (bytes, from) => options.receive(formatAddress(from.address, from.port), bytes));
  const bound = once(socket, "listening");
  socket.bind({ address: options.host, port: options.port, exclusive: true });
  await bound;
  // From here on an error belongs to one datagram (an unreachable network, say) and not to the socket.
  socket.on("error", () => {
    refused += 1;
  });
  const own = socket.address();
  return {
    address: formatAddress(own.address, own.port),
    refusedCount: () => refused,
    send(to, bytes) {
      const { host, port } = splitAddress(to);
      socket.send(bytes, port, host, (error) => {
        if (error !== null) refused += 1;
      });
    },
    close() {
      return new Promise((done) => socket.close(() => done()));
    },
  };
}
