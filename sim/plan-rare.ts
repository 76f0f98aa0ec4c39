/**
 * Faults that are rare in a run, because each changes what can be expected of it: disks that are replaced, members that
 * come and go, servers that lie, signatures that may not count. One in twelve runs has each kind.
 */
import { below, chance, type Prng, sample } from "../kernel/prng.ts";
import { stepOf } from "./plan-aim.ts";
import { LIES, type SigningKey, type UploadVerb, type Verb } from "./script.ts";
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
  "burst",
  "tail",
  "flap",
  "split",
  "partial",
  "hang",
  "mass",
  "machine",
  "config",
  "era",
  "duel",
  "pursue",
  "crowd",
  "exchange",
  "starved",
  "orphan",
  "again",
  "stained",
] as const;
/** Faults that take copies away, or change them. */
const SPOILING: readonly string[] = ["disk", "rot", "edit", "remove"];
/** And those that make servers of no use to others. */
export const TAKING: readonly string[] = [...SPOILING, "betray", "leave", "config"];
const LATE = 15 * SECOND; // most of what is planned has happened

export type RareKind = (typeof RARE_KINDS)[number];

export type RareOptions = {
  readonly kind: RareKind;
  readonly servers: readonly string[];
  /** The one server whose copies get lost or damaged: of what all lose, nothing can be judged. */
  readonly victim: string;
  readonly paths: readonly string[];
  /** When uploads begin. */
  readonly busy: readonly number[];
  readonly append: boolean;
  readonly levels: number;
  readonly moment: (stream: Prng) => number;
  readonly lasting: (stream: Prng) => number;
  readonly add: (at: number, verb: Verb) => void;
};

export function addRare(
  stream: Prng,
  { kind, servers, victim, paths, busy, append, levels, moment, lasting, add }: RareOptions,
): void {
  const drawn = one(stream, servers);
  const host = SPOILING.includes(kind) ? victim : drawn;
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
      add(at, { kind: "remove", host, path: one(stream, paths) });
      if (chance(stream, 1, 2)) add(at + lasting(stream), { kind: "restart", host });
      return;
    case "betray":
      if (servers.length < 3) return;
      return add(at, { kind: "betray", host, how: sample(stream, LIES, 1 + below(stream, 3)) });
    case "behind":
      // So far behind that a signature of now is from the future, until somebody sets the clock right.
      return add(SECOND + below(stream, 400) * MILLISECOND, {
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
    case "burst":
      return add(at, {
        kind: "link",
        from: host,
        to: "*",
        loss: { hits: 1 + below(stream, 10), outOf: 100 },
        burst: (100 + below(stream, 4_000)) * MILLISECOND,
      });
    case "tail":
      return add(at, {
        kind: "link",
        from: "*",
        to: host,
        tail: { hits: 1 + below(stream, 5), outOf: 100 },
        long: (500 + below(stream, 4_000)) * MILLISECOND,
      });
    case "flap":
      return add(at, {
        kind,
        from: host,
        to: other === host ? "*" : other,
        every: (50 + below(stream, 3_000)) * MILLISECOND,
        lasting: (1 + below(stream, 8)) * SECOND,
      });
    case "split":
    case "partial": {
      // All in one of two groups; or one or two in neither, which reach both.
      const mixed = sample(stream, servers, servers.length);
      const bridges = kind === "split" ? 0 : Math.min(mixed.length - 2, 1 + below(stream, 2));
      const groups = mixed.slice(bridges);
      const half = 1 + below(stream, groups.length - 1);
      const [from, to] = [groups.slice(0, half), groups.slice(half)];
      add(at, { kind: "split", from, to });
      for (const a of from)
        for (const b of to) add(at + lasting(stream), { kind: "heal", from: a, to: b, oneWay: false });
      return;
    }
    case "hang":
      return add(at, { kind, host, call: "*", lasting: (100 + below(stream, 10_000)) * MILLISECOND });
    case "mass":
      add(at, { kind: "crash", host: "*", disk: one(stream, ["weak", "ordered", "kept"]) });
      return add(at + lasting(stream), { kind: "start", host: "*", machine: null });
    case "machine":
      add(at, { kind: "crash", host, disk: one(stream, ["weak", "kept"]) });
      return add(at + lasting(stream), { kind: "start", host, machine: `n${70 + below(stream, 9)}` });
    case "config":
      return add(0, {
        kind,
        host,
        ...one(stream, [
          { append: !append, levels: null, keys: null, clean: null },
          { append: null, levels: levels === 1 ? 2 : 1, keys: null, clean: null },
          { append: null, levels: null, keys: one(stream, KEY_SETS), clean: null },
        ]),
      });
    case "era":
      return add(at, { kind: "clock", host, step: stepOf(stream), drift: 0 });
    case "duel":
      // Of one path at one moment, to two servers.
      add(at, uploadOf(61, one(stream, paths), append, [host]));
      return add(at, uploadOf(62, one(stream, paths), append, [other]));
    case "pursue":
      return add(one(stream, busy), {
        kind: "when",
        host,
        phase: "fetching",
        nth: 1 + below(stream, 2),
        call: null,
        delay: below(stream, 40) * MILLISECOND,
        deed: uploadOf(63, one(stream, paths), append, [other]),
      });
    case "crowd":
      // More base directories than one packet tells of.
      if (levels !== 2 || !chance(stream, 1, 4)) return;
      for (let nth = 0; nth < 12; nth++) {
        const small = { ...uploadOf(30 + nth, `/site/d${nth}/x`, append, [host]), files: 0, bytes: 200 };
        add(at + nth * 100 * MILLISECOND, small);
      }
      return;
    case "exchange":
      return add(one(stream, busy), {
        kind: "when",
        host,
        phase: "committing",
        nth: 1 + below(stream, 2),
        call: null,
        delay: 0,
        deed: { kind: "fail", host, call: "rename", code: "unsupported", count: 1 },
      });
    case "starved":
      return add(at, { kind: "rate", host, up: 1_000 + below(stream, 2_000), down: 0 });
    case "orphan": {
      // For a few seconds it hears nobody, and who brings an image meanwhile is gone afterwards.
      if (other === host) return;
      const begins = LATE + below(stream, 6_000) * MILLISECOND;
      add(begins, { kind: "cut", from: host, to: "*", oneWay: false });
      add(begins, uploadOf(64, one(stream, paths), append, [other]));
      add(begins, {
        kind: "when",
        host: other,
        phase: "committing",
        nth: 1,
        call: null,
        delay: below(stream, 1_000) * MILLISECOND,
        deed: { kind: "crash", host: "c64", disk: "kept" },
      });
      return add(begins + (3_000 + below(stream, 5_000)) * MILLISECOND, {
        kind: "heal",
        from: host,
        to: "*",
        oneWay: false,
      });
    }
    case "again": {
      // Of what is there already, by somebody else.
      const path = one(stream, paths);
      const begins = LATE + below(stream, 3_000) * MILLISECOND;
      add(begins, uploadOf(65, path, append, [host]));
      return add(begins + 3 * SECOND, { ...uploadOf(65, path, append, [other]), client: "c66" });
    }
    case "stained": {
      // Files are changed that the next image has, too.
      const path = one(stream, paths);
      add(at, uploadOf(67, path, append, [victim]));
      const changed = at + (2 + below(stream, 4)) * SECOND;
      for (let nth = 0; nth < 8; nth++) add(changed, { kind: "edit", host: victim, place: "images", nth });
      return add(changed + 100 * MILLISECOND, uploadOf(68, path, append, [other]));
    }
  }
}

const KEY_SETS: readonly (readonly SigningKey[])[] = [["known"], ["second"], []];

function uploadOf(number: number, path: string, append: boolean, to: readonly string[]): UploadVerb {
  return {
    kind: "upload",
    client: `c${number}`,
    path,
    content: number,
    files: 4,
    bytes: 20_000,
    mode: append ? "append" : "replace",
    skew: 0,
    frozen: false,
    key: "known",
    old: null,
    to,
  };
}

function one<T>(stream: Prng, items: readonly T[]): T {
  return items[below(stream, items.length)] as T;
}
