/**
 * Faults that are rare in a run, because each changes what can be expected of it: disks that are replaced, members that
 * come and go, servers that lie, signatures that may not count. One in six runs has each kind.
 */
import { below, chance, type Prng, sample } from "../kernel/prng.ts";
import { LIES, type Verb } from "./script.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export const RARE_KINDS = [
  "corrupt",
  "mtu",
  "reset",
  "halve",
  "stall",
  "disk",
  "leave",
  "clone",
  "peers",
  "rot",
  "edit",
  "remove",
  "betray",
  "behind",
  "aimed",
] as const;
export type RareKind = (typeof RARE_KINDS)[number];

export type RareOptions = {
  readonly kind: RareKind;
  readonly servers: readonly string[];
  readonly paths: readonly string[];
  /** When uploads begin. */
  readonly busy: readonly number[];
  readonly moment: (stream: Prng) => number;
  readonly lasting: (stream: Prng) => number;
  readonly add: (at: number, verb: Verb) => void;
};

export function addRare(
  stream: Prng,
  { kind, servers, paths, busy, moment, lasting, add }: RareOptions,
): void {
  const host = one(stream, servers);
  const other = one(stream, servers);
  const at = moment(stream);
  switch (kind) {
    case "corrupt":
      return add(at, {
        kind: "link",
        from: "*",
        to: host,
        corrupt: { hits: 1 + below(stream, 10), outOf: 100 },
      });
    case "mtu":
      return add(at, { kind: "link", from: host, to: "*", mtu: 150 + below(stream, 1_000) });
    case "reset":
    case "halve":
      return add(at, { kind, from: host, to: other === host ? "*" : other });
    case "stall":
      return add(at, { kind, host, lasting: lasting(stream) });
    case "disk": {
      const disk = one(stream, ["empty", "old", other === host ? "empty" : other]);
      if (disk === "old") add(at, { kind: "save", host });
      const crashAt = disk === "old" ? at + lasting(stream) : at;
      add(crashAt, { kind: "crash", host, disk });
      return add(crashAt + lasting(stream), { kind: "start", host, machine: null });
    }
    case "leave": {
      if (servers.length < 3) return;
      add(at, { kind: "leave", host });
      if (chance(stream, 2, 3))
        add(at + lasting(stream), {
          kind: "join",
          host,
          peers: servers.filter((each) => each !== host),
          machine: null,
        });
      return;
    }
    case "clone":
      return add(at, { kind: "join", host: `n${servers.length + 7}`, peers: [host], machine: host });
    case "peers":
      return add(at, { kind: "peers", host, peers: sample(stream, servers, below(stream, servers.length)) });
    case "rot":
    case "edit":
      for (let nth = 1 + below(stream, 4); nth > 0; nth--) {
        const place = chance(stream, 4, 5) ? "images" : "indexes";
        add(moment(stream), { kind, host, place, nth: below(stream, 40) });
      }
      return;
    case "remove":
      return add(at, { kind: "remove", host, path: one(stream, paths) });
    case "betray":
      if (servers.length < 3) return;
      return add(at, { kind: "betray", host, how: sample(stream, LIES, 1 + below(stream, 3)) });
    case "behind":
      // So far behind that a signature of now is from the future, until somebody sets the clock right.
      return add(below(stream, 400) * MILLISECOND, {
        kind: "clock",
        host,
        step: -(600 + below(stream, 100_000)) * SECOND,
        drift: 0,
      });
    case "aimed": {
      // A slow disk, so that every step of a commit lasts, and a cut in the middle of it.
      const start = one(stream, busy);
      add(start, { kind: "slow", host, factor: 10 + below(stream, 150) });
      if (chance(stream, 1, 3)) {
        const call = one(stream, ["sync", "rename", "unlink", "sync_file_system"] as const);
        add(start, { kind: "fail", host, call, code: "io", count: 1 + below(stream, 2) });
      }
      const cutAt = start + (20 + below(stream, 3_000)) * MILLISECOND;
      add(cutAt, { kind: "crash", host, disk: chance(stream, 2, 3) ? "weak" : "ordered" });
      return add(cutAt + lasting(stream), { kind: "start", host, machine: null });
    }
  }
}

function one<T>(stream: Prng, items: readonly T[]): T {
  return items[below(stream, items.length)] as T;
}
