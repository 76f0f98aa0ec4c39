/**
 * Somebody without a key, as a process: it reads lines `ATTACK SERVER-ADDRESS MILLISECONDS`, does that, and says of each
 * attack, as a line of JSON, what came of it. What it learns of uploads it keeps, and sends again much later.
 *
 * Each attack shows that it has come to the server: by what the server says of datagrams that it has refused, by its answers,
 * or by connections that it has ended. A server whose page cannot be had, before or after, is away.
 *
 *     hostile.ts OWN-ADDRESS PORT
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { Datagrams, dial, Link } from "../hostile/attacker.ts";
import { NOTHING } from "../kernel/rig.ts";
import type { ImageId, VPath } from "../../kernel/ids.ts";
import type { Request, Response, Upload } from "../../kernel/wire/message.ts";
import type { GossipMessage } from "../../kernel/wire/packet.ts";
import type { Attacked } from "./attacks.ts";
import { ATTACKS, type Attack } from "./plan.ts";

const [own = "", portText = ""] = process.argv.slice(2);
const port = Number(portText);
const BASE = "/site" as VPath;
const PAUSE_MS = 20;
const SOCKETS = 200;
const CAPTURED_MAX = 2_000;
const PAGE_MS_MAX = 5_000;

/** What was sent, and what shows that it came; none: nothing does. */
type Sent = { readonly tries: number; readonly seen: Readonly<Record<string, number>> };
type Page = {
  readonly datagrams_refused: { readonly unlisted: number; readonly undecodable: number };
};

const captured = new Map<string, Upload>();
const datagrams = await Datagrams.from(own, port);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
/** The servers' own, and somebody's. */
const machines = [1, 2, 3, 4, 5].map((each) => String(each).padStart(32, "0"));
const someone = () =>
  machines[Math.floor(Math.random() * machines.length)] ?? randomBytes(16).toString("hex");

/** The one machine that a server believes to be at this address: of others it hears nothing. */
const OWN = "ee".repeat(16);

const running = new Set<Promise<void>>();
for await (const line of createInterface({ input: process.stdin })) {
  const [attack, target = "", forText = ""] = line.split(" ");
  const known = ATTACKS.find((each) => each === attack);
  if (known === undefined) throw new Error(`no such attack: ${line}`);
  // Several at once, each until its time is over.
  const one = judged(known, target, performance.now() + Number(forText)).then((attacked) => {
    running.delete(one);
    process.stdout.write(`${JSON.stringify(attacked)}\n`);
  });
  running.add(one);
}
await Promise.all(running);
process.exit(0);

async function judged(attack: Attack, target: string, until: number): Promise<Attacked> {
  const none = { attack, target, begun: Date.now(), tries: 0, seen: {} };
  const before = await pageOf(target);
  if (before === null) return { ...none, outcome: "away", how: "its page cannot be had" };
  const sent = await run(attack, target, until).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
  const after = await pageOf(target);
  if (after === null) return { ...none, outcome: "away", how: "its page can be had no more" };
  if (sent instanceof Error) {
    if (isAway(sent)) return { ...none, outcome: "away", how: sent.message };
    // It is there, and has refused the connection or ended it: that is an answer.
    if (isEnded(sent))
      return { ...none, tries: 1, seen: { ended: 1 }, outcome: "reached", how: sent.message };
    return { ...none, outcome: "missed", how: sent.stack ?? sent.message };
  }
  const refused = {
    unlisted: after.datagrams_refused.unlisted - before.datagrams_refused.unlisted,
    undecodable: after.datagrams_refused.undecodable - before.datagrams_refused.undecodable,
  };
  if (refused.unlisted < 0 || refused.undecodable < 0)
    return { ...none, outcome: "away", how: "it has begun anew meanwhile" };
  const isOfDatagrams = attack === "garbage" || attack === "forged_gossip";
  const seen = isOfDatagrams ? { ...sent.seen, ...refused } : sent.seen;
  const reached = sent.tries > 0 && Object.values(seen).some((count) => count > 0);
  return { ...none, tries: sent.tries, seen, outcome: reached ? "reached" : "missed", how: "" };
}

async function run(attack: Attack, target: string, until: number): Promise<Sent> {
  switch (attack) {
    case "garbage": {
      let tries = 0;
      for (; performance.now() < until; tries++) {
        await datagrams.send(target, randomBytes(1 + Math.floor(Math.random() * 1_400)));
        await pause(2);
      }
      return { tries, seen: {} };
    }
    case "forged_gossip":
      return forge(target, until);
    case "false_blocks":
      return lie(target, until);
    case "replay":
      return replay(target, until);
    default:
      return occupy(target, until);
  }
}

/**
 * Everybody has everything, nobody has it, and it was removed. A stranger's datagrams are counted by the server; of somebody
 * who is listed it shows that a machine was believed which nobody has. In the names of others, too, who are not believed.
 */
async function forge(target: string, until: number): Promise<Sent> {
  await listing(target);
  let tries = 0;
  while (performance.now() < until && captured.size > 0) {
    for (const { path, image } of captured.values()) {
      const stalled = { image, mask: 0, source: true, stalled: true };
      const forged: readonly GossipMessage[] = [
        { type: "Complete", path, image },
        { type: "CompleteAck", path },
        { ...NOTHING, deleted: [[path, image]], inProgress: new Map([[path, stalled]]) },
        { ...NOTHING, complete: new Map([[path, image]]) },
      ];
      for (const message of forged) {
        await datagrams.say(target, OWN, message);
        await datagrams.say(target, someone(), message);
      }
      tries += 2 * forged.length;
      await pause(PAUSE_MS);
      if (performance.now() > until) break;
    }
  }
  for (let left = 3; left > 0; left--, tries++) {
    await datagrams.say(target, OWN, NOTHING);
    await pause(PAUSE_MS);
  }
  const peers = await textOf(target, "/peers/");
  return { tries, seen: { believed: peers?.includes(OWN) === true ? 1 : 0 } };
}

/** Announces all images that it knows of, and one that there is not, and gives bytes that are not theirs. */
async function lie(target: string, until: number): Promise<Sent> {
  await listing(target);
  const liar = await Link.to(target, port, lies);
  const images = [...captured.values()].map(({ image }) => image);
  for (const image of [...images, randomBytes(32).toString("hex") as ImageId])
    liar.say({ kind: "notification", notification: { type: "PublishImage", image } });
  const heard = await liar.heard();
  await pause(Math.max(0, until - performance.now()));
  const asked = liar.asked.length;
  liar.close();
  return { tries: images.length + 1, seen: { [heard ?? "unheard"]: heard === null ? 0 : 1, asked } };
}

function lies(request: Request): Response | null {
  if (request.type === "GetIndex") {
    const text = `DIRSIGNATURE.v1 blake2b/256 block_size=32768\n/\n  evil f 0\n${request.image}\n`;
    return { type: "GetIndex", data: Buffer.from(text) };
  }
  return request.type === "GetBlock" ? { type: "GetBlock", data: randomBytes(32_768) } : null;
}

/** Every upload that it ever saw, again, and one that nobody has signed. */
async function replay(target: string, until: number): Promise<Sent> {
  await listing(target);
  const link = await Link.to(target, port);
  const unsigned: Upload = {
    path: `${BASE}/unsigned` as VPath,
    image: randomBytes(32).toString("hex") as ImageId,
    timestamp: Date.now(),
    signatures: [randomBytes(64)],
  };
  let [tries, refused, known, ended] = [0, 0, 0, 0];
  for (const upload of [unsigned, ...captured.values()]) {
    if (performance.now() > until || link.closed) break;
    for (const request of [
      { type: "ReplaceDir", oldImage: null, ...upload },
      { type: "AppendDir", ...upload },
    ] as const) {
      tries += 1;
      const answer = await link.ask(request);
      if (answer?.type !== request.type) continue;
      if (answer.accepted) known += 1;
      else refused += 1;
    }
  }
  if (link.closed) ended = 1;
  link.close();
  return { tries, seen: { refused, known, ended } };
}

/** Many sockets whose header never ends; at last it does, and who is still connected is answered. */
async function occupy(target: string, until: number): Promise<Sent> {
  const begun = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
  const answered = new Set<Socket>();
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, async () => {
      const socket = await dial(target, port, begun);
      socket.once("data", () => answered.add(socket));
      return socket;
    }),
  );
  await pause(Math.max(0, until - performance.now()));
  const ended = sockets.filter((socket) => socket.closed && socket.bytesWritten > 0).length;
  for (const socket of sockets) if (!socket.closed) socket.write("x\r\n\r\n");
  const late = performance.now() + PAGE_MS_MAX;
  while (ended + answered.size === 0 && performance.now() < late) await pause(PAUSE_MS);
  for (const socket of sockets) socket.destroy();
  return { tries: SOCKETS, seen: { ended, answered: answered.size } };
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

async function pageOf(target: string): Promise<Page | null> {
  const text = await textOf(target, "/status/");
  return text === null ? null : (JSON.parse(text) as Page);
}

/** Null when it cannot be had. */
async function textOf(target: string, path: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(PAGE_MS_MAX);
    const answer = await fetch(`http://${target}:${port}${path}`, { signal });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // whatever it is: the server is not there for us
  }
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}

function isAway(error: Error): boolean {
  return ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"].includes(codeOf(error));
}

function isEnded(error: Error): boolean {
  return codeOf(error) === "ECONNRESET" || error.message.startsWith("Unexpected server response");
}
