/** Keys with a date: what clients may do with them, and what other servers have of them. */
import { expect, test } from "vitest";
import { directoryConfig, type EndingKey } from "../../kernel/config.ts";
import type { Address, ConnId, MonoMs, UnixMs } from "../../kernel/ids.ts";
import { keysOf, type Origin } from "../../kernel/publish/publish.ts";
import type { PublicKey } from "../../kernel/signature/public-key.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { imageOf } from "./rig.ts";

const KEY = "22".repeat(32) as PublicKey;
const UNTIL = 1_000_000;
const CLIENT: Origin = { kind: "client", conn: 2 as ConnId, request: 1, oldImage: null };
const PEER: Origin = { kind: "peer", address: "10.0.0.1:1" as Address, listing: "" };

function counts(more: Partial<EndingKey>, origin: Origin, timestamp: number, wall: number): boolean {
  const directory = directoryConfig({
    key: "site",
    root: "/srv/site" as RootName,
    appendOnly: false,
    numLevels: 1,
    uploadKeys: ["ci"],
    autoClean: false,
    keepListFile: null,
    keepMin: 2,
    keepMax: 100,
    keepRecentMs: 1,
  });
  const ending = [{ key: KEY, until: UNTIL, name: null, uploads: true, ...more }];
  const version = { timestamp, image: imageOf(1), signatures: [] };
  const now = { mono: 0 as MonoMs, wall: wall as UnixMs };
  return keysOf({ master: [], named: new Map(), ending }, directory, { origin, version }, now).includes(KEY);
}

test.each<readonly [string, boolean, Partial<EndingKey>, Origin, number, number]>([
  ["a client before its date", true, {}, CLIENT, UNTIL, UNTIL],
  ["a client after its date, with a signature dated back", false, {}, CLIENT, UNTIL, UNTIL + 1],
  ["a client that dates ahead", false, {}, CLIENT, UNTIL + 1, UNTIL],
  ["a client with a retired key, whatever its date", false, { uploads: false }, CLIENT, 1, 1],
  ["a peer, of what was signed before", true, {}, PEER, UNTIL, UNTIL * 2],
  ["a peer, of what was signed later", false, {}, PEER, UNTIL + 1, UNTIL * 2],
  ["a peer, with a retired key", true, { uploads: false }, PEER, UNTIL, UNTIL * 2],
  ["a peer, of a key that the directory names", true, { name: "ci" }, PEER, UNTIL, UNTIL * 2],
  ["a peer, of a key of other directories", false, { name: "other" }, PEER, UNTIL, UNTIL * 2],
])("%s: %s", (_, expected, more, origin, timestamp, wall) => {
  expect(counts(more, origin, timestamp, wall)).toBe(expected);
});
