/**
 * The least time in which an image can be on all servers, whatever the schedule: no line carries more than it can, no
 * block is sent by who does not have it, and what one block has reached at best doubles in the time that it takes to
 * send it.
 *
 * Source: Mundinger, Weber and Weiss 2008 (arXiv cs/0606110) for equal lines; the capacity bound counts each line only
 * from when its server can have had a block.
 */
export type Lines = {
  /** Blocks of the image. */
  readonly blocks: number;
  /** Blocks a second that the client can send. */
  readonly client: number;
  /** Blocks a second of each server, up and down. */
  readonly servers: readonly { readonly up: number; readonly down: number }[];
};

/** Seconds; 0 when lines have no bound. */
export function leastSeconds({ blocks, client, servers }: Lines): number {
  if (servers.length === 0) return 0;
  const fastest = Math.max(client, ...servers.map(({ up }) => up));
  const slowestDown = Math.min(...servers.map(({ down }) => down));
  const source = blocks / client + Math.floor(Math.log2(servers.length)) / fastest;
  const receiver = blocks / slowestDown + 1 / client;
  return Math.max(source, receiver, capacitySeconds({ blocks, client, servers }, fastest));
}

/** The fastest lines first: whichever servers have blocks first, no order gives more. */
function capacitySeconds({ blocks, client, servers }: Lines, fastest: number): number {
  const ups = servers.map(({ up }) => up).toSorted((a, b) => b - a);
  if (client === Infinity) return 0;
  const wanted = servers.length * blocks;
  let rate = client;
  let missed = 0; // what the lines in use could have sent before they could have had a block
  for (const [at, up] of ups.entries()) {
    const from = (Math.floor(Math.log2(at + 1)) + 1) / fastest;
    if ((wanted + missed) / rate <= from) break;
    if (up === Infinity) return from;
    rate += up;
    missed += up * from;
  }
  return (wanted + missed) / rate;
}
