/**
 * A server that lies. Its machine is the real one; what leaves it is changed on the way out, as bytes: it needs no
 * codec, and finds no lie that a reader of the code would have forbidden.
 *
 *   blocks   answers with blocks in which bits are flipped
 *   index    answers with indexes that name files outside their image
 *   gossip   sends again what others have sent, under its own address, and damaged digests
 *   replay   sends again the uploads that clients have brought here, to whoever it is connected to
 *   slow     answers nine seconds late
 *   silent   accepts connections and answers nothing
 */
import { below } from "../kernel/prng.ts";
import type { ConnId } from "../kernel/ids.ts";
import type { Host, Tamper } from "./host.ts";
import type { Lie } from "./script.ts";
import { SECOND } from "./timeline.ts";
import { wordOf } from "./words.ts";
import type { World } from "./world.ts";

const SLOWNESS = 9 * SECOND;
const KEPT_MAX = 50; // of what others sent, to be sent again

export function betray(host: Host, how: readonly Lie[], { draws, links, network, timeline }: World): void {
  const packets: Uint8Array[] = [];
  const uploads: Uint8Array[] = [];
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

  /** `/sub0/plain` becomes `/../../lain`: the same length, so that only the digest tells. */
  function climbing(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    for (let at = 0; at + 6 < copy.length; at++) {
      if (copy[at] !== 0x0a || copy[at + 1] !== 0x2f) continue;
      copy.set([0x2f, 0x2e, 0x2e, 0x2f], at + 1);
      break;
    }
    return copy;
  }

  const tamper: Tamper = {
    datagramIn(bytes) {
      if (how.includes("gossip") && packets.length < KEPT_MAX) packets.push(bytes.slice());
    },
    frameIn(conn, bytes) {
      conns.add(conn);
      const word = wordOf("frame", bytes);
      const isUpload = word === "AppendDir" || word === "ReplaceDir";
      if (isUpload && uploads.length < KEPT_MAX) uploads.push(bytes.slice());
    },
    datagramOut(bytes, to) {
      if (how.includes("silent")) return;
      const stream = draw("datagram");
      const old = packets[below(stream, Math.max(1, packets.length))];
      if (how.includes("gossip") && old !== undefined && below(stream, 2) === 0) {
        network.send(host.station, to, below(stream, 2) === 0 ? old : damaged(old, "packet"));
      }
      network.send(host.station, to, bytes);
    },
    frameOut(bytes, conn) {
      if (how.includes("silent")) return;
      const word = wordOf("frame", bytes);
      const answer = bytes[1] === 2;
      let sent = bytes;
      if (how.includes("blocks") && answer && word === "GetBlock") sent = damaged(bytes, "block");
      if (how.includes("index") && answer && word === "GetIndex") sent = climbing(bytes);
      const { lives } = host.station;
      const send = (): void => {
        if (host.station.lives === lives) links.send(host.station, conn, sent);
      };
      if (how.includes("slow") && answer) timeline.after(SLOWNESS, send);
      else send();
      const old = uploads[below(draw("upload"), Math.max(1, uploads.length))];
      if (how.includes("replay") && old !== undefined && conns.has(conn)) links.send(host.station, conn, old);
    },
  };
  host.setTamper(tamper);
}
