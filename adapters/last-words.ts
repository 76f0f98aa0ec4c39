/** The end of a connection that gets an answer first. */
import type { Duplex } from "node:stream";

const LINGER_MS = 1_000; // for the answer to arrive; who does not end then would hold the connection for ever

export function endWith(socket: Duplex, answer: string): void {
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(cut));
  socket.end(answer);
}
