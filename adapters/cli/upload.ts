/** The uploader of the kernel over real ports; ends when it has stopped. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { assert } from "../../kernel/assert.ts";
import type { Report } from "../../kernel/report.ts";
import {
  createUploader,
  step,
  succeeded,
  UPLOADER_DEFAULTS,
  type UploaderConfig,
  wakeAt,
} from "../../kernel/uploader.ts";
import { createClock, now } from "../clock.ts";
import { createDriver, type Driver } from "../driver.ts";
import type { PrivateKey } from "../keys/private.ts";
import { createNames } from "../names.ts";
import { createWebSocketLinks } from "../websocket.ts";
import type { SyncCommand } from "./command-line.ts";
import { createSourceStorage } from "./source-storage.ts";

export type Ended = {
  readonly succeeded: boolean;
  /** Nothing was announced, because a source could not be read. */
  readonly sourceFailed: boolean;
};

export async function upload(
  command: SyncCommand,
  progressMs: number,
  keys: readonly PrivateKey[],
  report: (report: Report) => void,
): Promise<Ended> {
  const config: UploaderConfig = {
    ...UPLOADER_DEFAULTS,
    uploads: command.uploads,
    clusters: command.clusters,
    earlyMs: command.earlyMs,
    earlyShare: command.earlyShare,
    earlyHosts: command.earlyHosts,
    deadlineMs: command.deadlineMs,
    progressMs,
  };
  const state = createUploader(config, randomBytes(16).toString("hex"), now());
  const storage = await createSourceStorage(Math.min(command.diskThreads, availableParallelism()));
  const clock = createClock();
  let driver: Driver | null = null;
  let sourceFailed = false;
  const links = createWebSocketLinks({
    localHost: "0.0.0.0",
    events: {
      open: (conn, address, side) => driver?.feed({ kind: "conn_open", conn, address, side }),
      frame: (conn, bytes) => driver?.feed({ kind: "frame", conn, bytes }),
      closed: (conn, why) => driver?.feed({ kind: "conn_closed", conn, why }),
    },
  });
  await new Promise<void>((stopped) => {
    driver = createDriver(
      { step: (event, at) => step(state, event, at), wakeAt: () => wakeAt(state) },
      {
        clock,
        links,
        storage,
        names: createNames({ port: command.port }),
        signer: {
          sign: (payloads, done) => done(payloads.map((payload) => keys.map((key) => key.sign(payload)))),
        },
        reporter: {
          report(what) {
            if (what.type === "error") sourceFailed = true;
            report(what);
          },
        },
        tracer: { trace: () => {} },
        stopped,
        // Of servers alone.
        datagrams: { send: () => never("datagrams") },
        digester: { digest: () => never("long digests") },
        verifier: { verify: () => never("verifications") },
        pages: { get: () => never("pages") },
      },
    );
    driver.feed({ kind: "wake" });
  });
  driver = null;
  links.closeAll();
  clock.close();
  return { succeeded: succeeded(state), sourceFailed };
}

function never(what: string): void {
  assert(false, `an uploader asks for no ${what}`);
}
