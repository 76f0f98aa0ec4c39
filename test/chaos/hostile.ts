/**
 * A listed peer without a key, as a process: it reads lines `ATTACK SERVER-ADDRESS MILLISECONDS` and does that. What it
 * learns of uploads it keeps, and sends again much later.
 *
 *     hostile.ts OWN-ADDRESS PORT
 */
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { Datagrams, dial, Link } from "../hostile/attacker.ts";
import { NOTHING } from "../kernel/rig.ts";
import type { VPath } from "../../kernel/ids.ts";
import type { Request, Response, Upload } from "../../kernel/wire/message.ts";
import type { GossipMessage } from "../../kernel/wire/packet.ts";
import { ATTACKS, type Attack } from "./plan.ts";

const [own = "", portText = ""] = process.argv.slice(2);
const port = Number(portText);
const BASE = "/site" as VPath;
const PAUSE_MS = 20;
const SOCKETS = 200;
const CAPTURED_MAX = 2_000;

const captured = new Map<string, Upload>();
const datagrams = await Datagrams.from(own, port);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
/** The servers' own, and somebody's. */
const machines = [1, 2, 3, 4, 5].map((each) => String(each).padStart(32, "0"));
const someone = () =>
  machines[Math.floor(Math.random() * machines.length)] ?? randomBytes(16).toString("hex");

process.stdin.on("end", () => process.exit(0));
for await (const line of createInterface({ input: process.stdin })) {
  const [attack, target = "", forText = ""] = line.split(" ");
  const known = ATTACKS.find((each) => each === attack);
  if (known === undefined) throw new Error(`no such attack: ${line}`);
  // Several at once, each until its time is over; a server that is not there ends one early.
  void run(known, target, performance.now() + Number(forText)).catch(() => undefined);
}

async function run(attack: Attack, target: string, until: number): Promise<void> {
  switch (attack) {
    case "garbage":
      while (performance.now() < until) {
        await datagrams.send(target, randomBytes(1 + Math.floor(Math.random() * 1_400)));
        await pause(2);
      }
      return;
    case "forged_gossip":
      return forge(target, until);
    case "false_blocks":
      return lie(target, until);
    case "replay":
      return replay(target, until);
    case "slow_sockets": {
      const begun = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
      const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => dial(target, port, begun)));
      await pause(Math.max(0, until - performance.now()));
      for (const socket of sockets) socket.destroy();
    }
  }
}

/** Everybody has everything, nobody has it, and it was removed. */
async function forge(target: string, until: number): Promise<void> {
  await listing(target);
  while (performance.now() < until) {
    for (const { path, image } of captured.values()) {
      const stalled = { image, mask: 0, source: true, stalled: true };
      const forged: readonly GossipMessage[] = [
        { type: "Complete", path, image },
        { type: "CompleteAck", path },
        { ...NOTHING, deleted: [[path, image]], inProgress: new Map([[path, stalled]]) },
        { ...NOTHING, complete: new Map([[path, image]]) },
      ];
      for (const message of forged) await datagrams.say(target, someone(), message);
      await pause(PAUSE_MS);
    }
  }
}

/** Announces all images that it knows of, and gives bytes that are not theirs. */
async function lie(target: string, until: number): Promise<void> {
  await listing(target);
  const liar = await Link.to(target, port, lies);
  for (const { image } of captured.values())
    liar.say({ kind: "notification", notification: { type: "PublishImage", image } });
  await pause(Math.max(0, until - performance.now()));
  liar.close();
}

function lies(request: Request): Response | null {
  if (request.type === "GetIndex") {
    const text = `DIRSIGNATURE.v1 blake2b/256 block_size=32768\n/\n  evil f 0\n${request.image}\n`;
    return { type: "GetIndex", data: Buffer.from(text) };
  }
  return request.type === "GetBlock" ? { type: "GetBlock", data: randomBytes(32_768) } : null;
}

/** Every upload that it ever saw, again. */
async function replay(target: string, until: number): Promise<void> {
  await listing(target);
  const link = await Link.to(target, port);
  for (const upload of captured.values()) {
    if (performance.now() > until || link.closed) break;
    await link.ask({ type: "ReplaceDir", oldImage: null, ...upload });
    await link.ask({ type: "AppendDir", ...upload });
  }
  link.close();
}

async function listing(target: string): Promise<void> {
  const link = await Link.to(target, port);
  const answer = await link.ask({ type: "GetBaseDir", path: BASE });
  link.close();
  if (answer?.type !== "GetBaseDir" || captured.size > CAPTURED_MAX) return;
  for (const [name, { image, signatures }] of answer.listing) {
    const timestamp = signatures[0]?.timestamp ?? 0;
    const bytes = signatures.map((each) => each.bytes);
    captured.set(`${name} ${image}`, {
      path: `${BASE}/${name}` as VPath,
      image,
      timestamp,
      signatures: bytes,
    });
  }
}
