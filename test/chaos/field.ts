/** What a chaos run stands on: servers, the lines between them, clients, a judge, and who attacks. */
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { Judge } from "./judge.ts";
import { HOSTILE, Lines } from "./lines.ts";
import { SERVERS } from "./plan.ts";
import { ChaosServer } from "./server.ts";
import type { Field } from "./trouble.ts";
import { Uploads } from "./uploads.ts";

export type Whole = Field & { readonly uploads: Uploads; readonly busy: Map<number, Promise<void>> };

/** Ends what was made so far, with its disks and namespaces; for a run that is stopped in its middle. */
let undo: () => Promise<void> = async () => undefined;
export function stopAll(): Promise<void> {
  return undo();
}

export async function makeField(
  folder: string,
  seed: number,
  blame: (what: string) => void,
  say: (what: string) => void,
): Promise<Whole> {
  const keys = newKeyPair("chaos");
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, keys.private, { mode: 0o600 });
  const lines = new Lines();
  const judge = new Judge();
  const servers = SERVERS.map((number): ChaosServer => {
    const server: ChaosServer = new ChaosServer(number, lines, folder, keys.public, {
      ended(what) {
        // A disk without a byte may end a start; nothing else may end a server.
        if (server.isFull) say(what);
        else blame(what);
        setTimeout(() => void server.start().catch((error: unknown) => blame(String(error))), 1_000);
      },
      stuck: blame,
    });
    return server;
  });
  const uploads = new Uploads(folder, lines, judge, keyFile, seed);
  const [command = "", ...first] = lines.under(HOSTILE);
  const file = fileURLToPath(new URL("./hostile.ts", import.meta.url));
  const words = [...process.execArgv, file, lines.addressOf(HOSTILE), String(lines.port)];
  const hostile = spawn(command, [...first, process.execPath, ...words], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true, // a Ctrl-C at a terminal is for the rig
  });
  const killAll = (): void => {
    hostile.kill("SIGKILL");
    uploads.kill();
    for (const each of servers) each.kill();
    lines.close();
  };
  // Whatever ends the rig leaves no process and no namespace behind.
  process.once("exit", killAll);
  undo = async () => {
    hostile.removeAllListeners("exit");
    hostile.kill("SIGKILL");
    uploads.kill();
    await Promise.all(servers.map((each) => each.drop()));
    rmSync(folder, { recursive: true });
  };
  hostile.once("exit", (status) => {
    if (status !== 0) blame(`who attacks has ended with ${status}`);
  });
  await Promise.all(servers.map((each) => each.start()));
  return { servers, lines, judge, hostile, uploads, busy: new Map() };
}

export async function close({ servers, hostile }: Whole): Promise<void> {
  hostile.stdin?.end();
  for (const each of servers) await each.close();
}
