/**
 * A server that lies. Its machine is the real one: what its disk reads is changed before it is sent, and what goes in
 * and out is kept, damaged, repeated or delayed without a look at it.
 *
 *   blocks   reads blocks in which bits are flipped
 *   index    reads indexes that name files outside their image, twice, of no length, or that end too early
 *   gossip   sends again what others have sent, from its own address: whole, damaged, or as what it says itself
 *   replay   sends again the frames that were brought here, to whoever it is connected to
 *   slow     sends everything nine seconds late
 *   silent   accepts connections and sends nothing
 *   equivocate   tells half of the others what it told first, for ever, and the rest what is so
 */
import { below, type Prng } from "../kernel/prng.ts";
import type { Address, ConnId } from "../kernel/ids.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";
import type { Host, Tamper } from "./computer.ts";
import type { Lie } from "./script.ts";
import { SECOND } from "./timeline.ts";
import type { World } from "./world.ts";

const SLOWNESS = 9 * SECOND;
/** In each packet of ours: behind the head of a map, and the head, the text `machine_id` and another head. */
const MACHINE_AT = 13;
const MACHINE_BYTES = 16;
const KEPT_MAX = 50; // of what others sent, to be sent again

export function betray(host: Host, how: readonly Lie[], { draws, links, network, timeline }: World): void {
  const packets: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  const toldOnce: Uint8Array[] = [];
  const conns = new Set<ConnId>();
  const draw = (about: string) => draws.next("lie", host.name, about);

  function damaged(bytes: Uint8Array, about: string): Uint8Array {
    const copy = bytes.slice();
    const stream = draw(about);
    const half = copy.length >> 1;
    const at = half + below(stream, Math.max(1, copy.length - half));
    copy[at] = (copy[at] ?? 0) ^ (1 << below(stream, 8));
    return copy;
  }

  function lieOf({ kind }: DiskRequest): ((bytes: Uint8Array) => Uint8Array) | null {
    if (kind === "read_block" && how.includes("blocks")) return (bytes) => damaged(bytes, "block");
    return kind === "read_index" && how.includes("index")
      ? (text) => hostileIndex(text, draw("index"))
      : null;
  }

  const tamper: Tamper = {
    read(request, result) {
      const lie = lieOf(request);
      if (lie === null || !result.ok || result.value.kind !== "bytes") return result;
      return { ok: true, value: { kind: "bytes", bytes: lie(result.value.bytes) } } satisfies DiskResult;
    },
    datagramIn(bytes) {
      if (how.includes("gossip") && packets.length < KEPT_MAX) packets.push(bytes.slice());
    },
    frameIn(conn, bytes) {
      conns.add(conn);
      if (how.includes("replay") && frames.length < KEPT_MAX) frames.push(bytes.slice());
    },
    datagramOut(bytes, to) {
      if (how.includes("silent")) return;
      if (how.includes("equivocate") && toldOnce.length < KEPT_MAX) toldOnce.push(bytes.slice());
      const told = toldOnce[below(draw("told"), Math.max(1, toldOnce.length))];
      if (told !== undefined && isToldTheOld(to)) return network.send(host.station, to, told);
      const stream = draw("datagram");
      const old = packets[below(stream, Math.max(1, packets.length))];
      if (old !== undefined && below(stream, 2) === 0) {
        const lie = below(stream, 3);
        network.send(
          host.station,
          to,
          lie === 0 ? old : lie === 1 ? damaged(old, "packet") : said(old, bytes),
        );
      }
      network.send(host.station, to, bytes);
    },
    frameOut(bytes, conn, sent) {
      if (how.includes("silent")) return;
      const { lives } = host.station;
      const send = (): void => {
        if (host.station.lives === lives) links.send(host.station, conn, bytes, sent);
      };
      if (how.includes("slow")) timeline.after(SLOWNESS, send);
      else send();
      const old = frames[below(draw("frame"), Math.max(1, frames.length))];
      if (old !== undefined && conns.has(conn)) links.send(host.station, conn, old);
    },
  };
  host.setTamper(tamper);
}

/** What another machine said, in the name of the machine that says this. */
function said(another: Uint8Array, own: Uint8Array): Uint8Array {
  const copy = another.slice();
  copy.set(own.subarray(MACHINE_AT, MACHINE_AT + MACHINE_BYTES), MACHINE_AT);
  return copy;
}

/** Half of all addresses. */
function isToldTheOld(to: Address): boolean {
  return /[13579]:/.test(to);
}

function hostileIndex(text: Uint8Array, stream: Prng): Uint8Array {
  const lines = text.lastIndexOf(0x0a, text.length - 2);
  switch (below(stream, 4)) {
    case 0:
      return climbing(text);
    case 1:
      return text.subarray(0, below(stream, text.length));
    case 2:
      return new Uint8Array(0);
    default: {
      // Every entry twice, in front of the footer.
      const twice = new Uint8Array(text.length + Math.max(0, lines));
      twice.set(text.subarray(0, Math.max(0, lines)));
      twice.set(text, Math.max(0, lines));
      return twice;
    }
  }
}

/** `/sub0/plain` becomes `/../../lain`: the same length, so that only the digest tells. */
function climbing(text: Uint8Array): Uint8Array {
  const copy = text.slice();
  const at = copy.findIndex((byte, start) => byte === 0x0a && copy[start + 1] === 0x2f);
  if (at >= 0 && at + 6 < copy.length) copy.set([0x2f, 0x2e, 0x2e, 0x2f], at + 1);
  return copy;
}
