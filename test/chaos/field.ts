/** What a chaos run stands on: servers, the lines between them, clients, a judge, and who attacks. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { type Attacked, Attacks } from "./attacks.ts";
import { Judge } from "./judge.ts";
import { HOSTILE, Lines } from "./lines.ts";
import { FROM, type From, SERVERS } from "./plan.ts";
import { ChaosServer } from "./server.ts";
import type { Field } from "./trouble.ts";
import { Uploads } from "./uploads.ts";

export type Whole = Field & {
  readonly attacks: Attacks;
  readonly uploads: Uploads;
  readonly busy: Map<number, Promise<void>>;
};

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
  const attacks = new Attacks();
  const attackers = FROM.map((from) => spawnHostile(from, lines, servers, attacks, blame));
  const [peer, stranger] = attackers;
  if (peer === undefined || stranger === undefined) throw new Error("nobody attacks");
  const killAll = (): void => {
    for (const each of attackers) each.kill("SIGKILL");
    uploads.kill();
    for (const each of servers) each.kill();
    lines.close();
  };
  // Whatever ends the rig leaves no process and no namespace behind.
  process.once("exit", killAll);
  undo = async () => {
    for (const each of attackers) each.removeAllListeners("exit").kill("SIGKILL");
    uploads.kill();
    await Promise.all(servers.map((each) => each.drop()));
    rmSync(folder, { recursive: true });
  };
  await Promise.all(servers.map((each) => each.start()));
  return { servers, lines, judge, hostile: { peer, stranger }, attacks, uploads, busy: new Map() };
}

/** Who attacks, in a namespace of his own; what he says of his attacks is counted. */
function spawnHostile(
  from: From,
  lines: Lines,
  servers: readonly ChaosServer[],
  attacks: Attacks,
  blame: (what: string) => void,
): ChildProcess {
  const [command = "", ...first] = lines.under(HOSTILE[from]);
  const file = fileURLToPath(new URL("./hostile.ts", import.meta.url));
  const words = [...process.execArgv, file, lines.addressOf(HOSTILE[from]), String(lines.port)];
  const child = spawn(command, [...first, process.execPath, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true, // a Ctrl-C at a terminal is for the rig
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Attacked;
    const server = servers.find(({ number }) => lines.addressOf(number) === told.target);
    const wrong = attacks.add(from, told, server?.upSince ?? 0);
    if (wrong !== null) blame(wrong);
  });
  child.once("exit", (status) => {
    if (status !== 0) blame(`the hostile ${from} has ended with ${status}`);
  });
  return child;
}

/** Attacks come to their end before servers do. */
export async function close({ servers, hostile }: Whole): Promise<void> {
  await Promise.all(
    Object.values(hostile).map(async (each) => {
      const ended = once(each, "close");
      each.stdin?.end();
      await ended;
    }),
  );
  for (const each of servers) await each.close();
}
