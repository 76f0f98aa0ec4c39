/** A machine of a client over real ports, until it has stopped. */
import { assert } from "../../kernel/assert.ts";
import type { Report } from "../../kernel/report.ts";
import { createClock } from "../clock.ts";
import { createDigester } from "../digester.ts";
import { createDriver, type Driver } from "../driver.ts";
import type { SigningKey } from "../keys/private.ts";
import { createNames } from "../names.ts";
import { createPages } from "../pages.ts";
import type { Machine, Storage } from "../port.ts";
import { createVerifier } from "../verifier.ts";
import { createWebSocketLinks } from "../websocket.ts";

const PAGE_BYTES_MAX = 64 * 1024 * 1024; // the listing of a base directory with a hundred thousand images

export type DriveOptions = {
  /** Of servers that are named without one. */
  readonly port: number;
  readonly storage: Storage;
  readonly keys: readonly SigningKey[];
  readonly report: (report: Report) => void;
  /** Ends the machine before its time. */
  readonly stop?: AbortSignal;
};

export async function drive(
  machine: Machine,
  { port, storage, keys, report, stop }: DriveOptions,
): Promise<void> {
  const clock = createClock();
  const digester = await createDigester();
  let driver: Driver | null = null;
  const links = createWebSocketLinks({
    localHost: "0.0.0.0",
    events: {
      open: (conn, address, side) => driver?.feed({ kind: "conn_open", conn, address, side }),
      frame: (conn, bytes) => driver?.feed({ kind: "frame", conn, bytes }),
      closed: (conn, why) => driver?.feed({ kind: "conn_closed", conn, why }),
    },
  });
  try {
    await new Promise<void>((stopped, failed) => {
      driver = createDriver(machine, {
        clock,
        links,
        storage,
        digester,
        names: createNames({ port }),
        signer: {
          sign: (payloads, done) => void signAll(keys, payloads).then(done, failed),
        },
        reporter: { report },
        tracer: { trace: () => {} },
        stopped,
        verifier: createVerifier(),
        pages: createPages({ localHost: "0.0.0.0", bytesMax: PAGE_BYTES_MAX }),
        // Of servers alone.
        datagrams: { send: () => never("datagrams") },
      });
      stop?.addEventListener("abort", () => driver?.feed({ kind: "stop" }));
      driver.feed({ kind: "wake" });
    });
  } finally {
    driver = null;
    links.closeAll();
    clock.close();
  }
}

/** One after the other: an agent may ask somebody for each. */
async function signAll(
  keys: readonly SigningKey[],
  payloads: readonly Uint8Array[],
): Promise<readonly (readonly Uint8Array[])[]> {
  const all: Uint8Array[][] = [];
  for (const payload of payloads) {
    const own: Uint8Array[] = [];
    for (const key of keys) own.push(await key.sign(payload));
    all.push(own);
  }
  return all;
}

function never(what: string): void {
  assert(false, `a client asks for no ${what}`);
}
