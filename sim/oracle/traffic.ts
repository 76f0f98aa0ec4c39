/**
 * What servers and clients send, message by message: to whom, how much, and whether an answer is what was asked for.
 * A question is answered once, with the bytes of a file that somebody uploaded there.
 */
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import { byteStringOfText, equalBytes, toHex } from "../../kernel/text.ts";
import { SECOND } from "../timeline.ts";
import { type Frame, memberOf, type Plain, readFrame } from "./frames.ts";
import type { Ledger } from "./ledger.ts";
import { Violation } from "./violation.ts";

export type Traffic = {
  /** Addresses that a server's peer file names, from now on too. */
  listed(host: string, addresses: readonly string[]): void;
  started(host: string): void;
  /** `time` in virtual microseconds. `doubt`: messages may have been damaged, or be of somebody who lies. */
  stepped(host: string, event: Event, effects: readonly Effect[], time: number, doubt: boolean): void;
  /** Datagrams that a server has sent so far. */
  datagrams(host: string): number;
  /** The oldest question that a server was asked and has not answered, and since when. */
  unanswered(host: string): { readonly type: string; readonly since: number } | null;
};

export type TrafficOptions = {
  readonly ledger: Ledger;
  /** Of a block, 32 bytes in hex. */
  readonly digest: (bytes: Uint8Array) => string;
  /** A fault has changed files of a server: what it reads may be anything. */
  readonly isDamaged: (host: string) => boolean;
};

type Question = { readonly type: string; readonly body: Plain; readonly since: number };
type Line = {
  /** Null for one that was accepted. */
  readonly address: string | null;
  open: boolean;
  readonly asked: Map<number, Question[]>;
  /** When each question of ours was sent. */
  readonly asking: Map<number, number>;
};
type Talk = {
  readonly lines: Map<number, Line>;
  readonly failedAt: Map<string, number>;
  dials: number[];
  datagrams: number;
};

const BLOCK_BYTES = 32_768;
/** As the bounds of the kernel say: of a connection, a second and a datagram. */
const QUESTIONS_MAX = 256;
const DIALS_MAX = 10;
const PACKET_BYTES_MAX = 1_400;
const RETRY = SECOND;
const DRIFT = SECOND / 100; // clocks that run fast
const PATIENCE = 90 * SECOND; // no question is waited for longer

export function createTraffic({ ledger, digest, isDamaged }: TrafficOptions): Traffic {
  const talks = new Map<string, Talk>();
  const lists = new Map<string, Set<string>>();

  function talkOf(host: string): Talk {
    const found = talks.get(host);
    if (found !== undefined) return found;
    const made: Talk = { lines: new Map(), failedAt: new Map(), dials: [], datagrams: 0 };
    talks.set(host, made);
    return made;
  }

  function hear(talk: Talk, event: Event, time: number, doubt: boolean): void {
    switch (event.kind) {
      case "conn_open": {
        const line = talk.lines.get(event.conn);
        if (line === undefined) talk.lines.set(event.conn, newLine(null, true));
        else line.open = true;
        return;
      }
      case "conn_closed": {
        const line = talk.lines.get(event.conn);
        if (line?.address !== null && line?.address !== undefined && !line.open)
          talk.failedAt.set(line.address, time);
        talk.lines.delete(event.conn);
        return;
      }
      case "frame": {
        const frame = readFrame(event.bytes);
        const line = talk.lines.get(event.conn);
        if (frame === null || line === undefined) return;
        if (frame.kind === "response") line.asking.delete(frame.id);
        if (frame.kind !== "request") return;
        const { type, body } = frame;
        // One that was damaged may be none: nobody has to answer it.
        const since = doubt ? Infinity : time;
        line.asked.set(frame.id, [...(line.asked.get(frame.id) ?? []), { type, body, since }]);
        return;
      }
      default:
        return;
    }
  }

  function dialled(host: string, talk: Talk, conn: number, address: string, time: number): void {
    const list = lists.get(host);
    if (list !== undefined && !list.has(address))
      throw new Violation("wrong_address", `${host} connects to ${address}, which nobody has listed`);
    const failed = talk.failedAt.get(address);
    if (failed !== undefined && time - failed < RETRY - DRIFT)
      throw new Violation("too_many", `${host} dials ${address} ${time - failed} us after it failed`);
    talk.dials.push(time);
    while (time - (talk.dials[0] ?? time) >= SECOND) talk.dials.shift();
    // Counted by the second, so that the ends of two may come together.
    if (talk.dials.length > 2 * DIALS_MAX)
      throw new Violation("too_many", `${host} dials ${talk.dials.length} times in a second`);
    talk.lines.set(conn, newLine(address, false));
  }

  function sent(host: string, talk: Talk, conn: number, frame: Frame, time: number, doubt: boolean): void {
    const line = talk.lines.get(conn);
    if (line === undefined) return;
    if (frame.kind === "request") {
      line.asking.set(frame.id, time);
      if (line.asking.size <= QUESTIONS_MAX) return;
      for (const [id, at] of line.asking) if (time - at > PATIENCE) line.asking.delete(id);
      if (line.asking.size > QUESTIONS_MAX)
        throw new Violation("too_many", `${host} waits for ${line.asking.size} answers of one connection`);
      return;
    }
    if (frame.kind !== "response") return;
    const waiting = line.asked.get(frame.id);
    const question = waiting?.shift();
    if (waiting?.length === 0) line.asked.delete(frame.id);
    if (doubt) return;
    if (question === undefined)
      throw new Violation("wrong_answer", `${host} answers ${frame.type} to nobody, or twice`);
    if (frame.type === "Error") return;
    if (frame.type !== question.type)
      throw new Violation("wrong_answer", `${host} answers ${frame.type} to ${question.type}`);
    if (frame.type === "GetBlock" && !isDamaged(host)) checkBlock(host, question.body, frame.body);
  }

  /** The bytes are of a file uploaded there, and where several may be meant, those with the hash. */
  function checkBlock(host: string, question: Plain, answer: Plain): void {
    const data = memberOf(answer, "data");
    const hint = memberOf(question, "hint");
    const hash = memberOf(question, "hash");
    if (!(data instanceof Uint8Array) || !Array.isArray(hint) || !(hash instanceof Uint8Array)) return;
    const [path, file, offset] = hint as readonly Plain[];
    if (typeof path !== "string" || typeof file !== "string") return;
    const blocks: Uint8Array[] = [];
    for (const { content } of ledger.uploadsAt(path)) {
      const entry = content.get(byteStringOfText(file).slice(1));
      if (entry?.kind !== "file") continue;
      const block = entry.bytes.subarray(Number(offset), Number(offset) + BLOCK_BYTES);
      if (!blocks.some((each) => equalBytes(each, block))) blocks.push(block);
    }
    const known = blocks.some((each) => equalBytes(each, data));
    if (known && (blocks.length === 1 || digest(data) === toHex(hash))) return;
    const what = known ? "another block than was asked for" : `${data.length} bytes of no uploaded file`;
    throw new Violation("wrong_answer", `${host} serves ${what}, for ${file} of ${path}`);
  }

  return {
    listed(host, addresses) {
      const list = lists.get(host) ?? new Set();
      for (const address of addresses) list.add(address);
      lists.set(host, list);
    },
    started(host) {
      const talk = talks.get(host);
      if (talk === undefined) return;
      talk.lines.clear();
      talk.failedAt.clear();
      talk.dials = [];
    },
    stepped(host, event, effects, time, doubt) {
      const talk = talkOf(host);
      hear(talk, event, time, doubt);
      const list = effects.length === 0 ? undefined : lists.get(host);
      for (const effect of effects) {
        switch (effect.kind) {
          case "dial":
            dialled(host, talk, effect.conn, effect.address, time);
            break;
          case "close":
            talk.lines.delete(effect.conn);
            break;
          case "send_frame": {
            const frame = readFrame(effect.bytes);
            if (frame !== null) sent(host, talk, effect.conn, frame, time, doubt);
            break;
          }
          case "send_datagram":
            talk.datagrams += 1;
            if (list?.has(effect.to) === false)
              throw new Violation("wrong_address", `${host} sends to ${effect.to}, which nobody has listed`);
            if (effect.bytes.length > PACKET_BYTES_MAX)
              throw new Violation("too_many", `${host} sends a datagram of ${effect.bytes.length} bytes`);
            break;
          default:
            break;
        }
      }
    },
    datagrams: (host) => talks.get(host)?.datagrams ?? 0,
    unanswered(host) {
      let oldest: Question | null = null;
      for (const { asked } of talks.get(host)?.lines.values() ?? [])
        for (const questions of asked.values())
          for (const each of questions)
            if (each.since !== Infinity && (oldest === null || each.since < oldest.since)) oldest = each;
      return oldest;
    },
  };
}

function newLine(address: string | null, open: boolean): Line {
  return { address, open, asked: new Map(), asking: new Map() };
}
