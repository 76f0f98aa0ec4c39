/** One upload by the kernel's uploader over real ports, in this process. */
import { createClock, now } from "../../adapters/clock.ts";
import { compiledUrl } from "../../adapters/compiled.ts";
import { createDigester } from "../../adapters/digester.ts";
import { createDriver, type Driver } from "../../adapters/driver.ts";
import { createNames } from "../../adapters/names.ts";
import { createPages } from "../../adapters/pages.ts";
import { openStorageThreads } from "../../adapters/storage-threads.ts";
import { createVerifier } from "../../adapters/verifier.ts";
import { createWebSocketLinks } from "../../adapters/websocket.ts";
import type { VPath } from "../../kernel/ids.ts";
import type { Report } from "../../kernel/report.ts";
import { signWithSeed } from "../../kernel/signature/verify.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { createUploader, step, UPLOADER_DEFAULTS, wakeAt } from "../../kernel/uploader.ts";

export async function upload(
  source: string,
  path: string,
  host: string,
  port: number,
  keySeed: Uint8Array,
): Promise<readonly Report[]> {
  const reports: Report[] = [];
  const job = { source: source as RootName, path: path as VPath, mode: "replace", oldImage: null } as const;
  const state = createUploader(
    { ...UPLOADER_DEFAULTS, uploads: [job], clusters: [{ name: "c", entryPoints: [`${host}:${port}`] }] },
    "seed",
    now(),
  );
  const clock = createClock();
  const storage = await openStorageThreads({
    threads: 2,
    program: compiledUrl("../../kernel/storage/program.ts", import.meta.url).href,
    context: { db: source, roots: [] },
    died: (error) => {
      throw error;
    },
  });
  let driver: Driver | null = null;
  const links = createWebSocketLinks({
    localHost: "0.0.0.0",
    events: {
      open: (conn, address, side) => driver?.feed({ kind: "conn_open", conn, address, side }),
      frame: (conn, bytes) => driver?.feed({ kind: "frame", conn, bytes }),
      closed: (conn, why) => driver?.feed({ kind: "conn_closed", conn, why }),
    },
  });
  const digester = await createDigester();
  await new Promise<void>((stopped) => {
    driver = createDriver(
      { step: (event, at) => step(state, event, at), wakeAt: () => wakeAt(state) },
      {
        clock,
        links,
        storage,
        digester,
        datagrams: { send: () => {} },
        verifier: createVerifier(),
        names: createNames({ port }),
        pages: createPages({ localHost: "0.0.0.0" }),
        tracer: { trace: () => {} },
        signer: { sign: (payloads, done) => done(payloads.map((each) => [signWithSeed(keySeed, each)])) },
        reporter: { report: (report) => void reports.push(report) },
        stopped,
      },
    );
    driver.feed({ kind: "wake" });
  });
  driver = null;
  links.closeAll();
  await storage.close();
  clock.close();
  return reports;
}
