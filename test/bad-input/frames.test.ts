/** Section 4.2: CBOR on the WebSocket. Rows that are refused by what they are; then a node, which none of them changes. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { ConnId, VPath } from "../../kernel/ids.ts";
import { REFUSALS_MAX } from "../../kernel/rpc/links.ts";
import { type Cbor, encodeCbor } from "../../kernel/wire/cbor.ts";
import { decodeFrame, type FrameRefusal } from "../../kernel/wire/frame.ts";
import { createRig, hashOfNumber, imageOf, pathOf, type Rig, sentFrames, WALL } from "../kernel/rig.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const repeated = (text: string, times: number) => hex(text.repeat(times));
type Members = Readonly<Record<string, Cbor>>;
const mapOf = (members: Members): Cbor => new Map(Object.entries(members));

const IMAGE = new Uint8Array(32).fill(1);
const SIGNATURE: Cbor = ["ssh-ed25519", new Uint8Array(64)];
const UPLOAD: Members = { path: "/site/x", image: IMAGE, timestamp: WALL, signatures: [SIGNATURE] };
const request = (type: string, members: Members) => encodeCbor([1, type, 7, mapOf(members)]);
const append = (changes: Members) => request("AppendDir", { ...UPLOAD, ...changes });
const response = (type: string, body: Members) => encodeCbor([2, type, 7, mapOf(body)]);
/** A request whose last member is written by hand. */
const around = (item: Uint8Array) =>
  joined(hex("84"), encodeCbor([1, "GetBaseDir", 7]).subarray(1), hex("a1"), encodeCbor("path"), item);
const without = (name: string) => {
  const { [name]: _, ...rest } = UPLOAD;
  return request("AppendDir", rest);
};

const TWICE = joined(
  hex("84"),
  encodeCbor([1, "GetBaseDir", 7]).subarray(1),
  hex("a2"),
  ...["/site", "/other"].flatMap((path) => [encodeCbor("path"), encodeCbor(path)]),
);

type Row = readonly [id: string, what: string, frame: Uint8Array, code: FrameRefusal];
const { appendixF } = JSON.parse(readFileSync("test/vectors/rfc8949.json", "utf8")) as {
  readonly appendixF: readonly { readonly kind: string; readonly hex: readonly string[] }[];
};

const ROWS: readonly Row[] = [
  ["BC1", "nothing", hex(""), "cbor_truncated"],
  ["BC1", "a break", hex("ff"), "cbor_malformed"],
  ["BC3", "12,000 arrays", around(joined(repeated("81", 12_000), hex("00"))), "cbor_too_deep"],
  ["BC3", "12,000 maps", around(joined(repeated("a100", 12_000), hex("00"))), "cbor_too_deep"],
  ["BC3", "12,000 tags", around(joined(repeated("c1", 12_000), hex("00"))), "cbor_malformed"],
  ["BC3", "12,000 open strings", around(repeated("7f", 12_000)), "cbor_malformed"],
  ["BC3", "12,000 open arrays", around(repeated("9f", 12_000)), "cbor_too_deep"],
  ["BC4", "an array of 2^32 - 1", around(hex("9affffffff00000000000000000000")), "cbor_truncated"],
  ["BC4", "a map of 2^64 - 1", around(hex("bbffffffffffffffff00000000000000000000")), "cbor_truncated"],
  ["BC4", "2^63 bytes", around(hex("5b800000000000000000000000000000000000")), "cbor_truncated"],
  ["BC4", "a text of 2^32", around(hex("7b000000010000000061616161616161616161")), "cbor_truncated"],
  ["BC5", "an open array that does not end", around(hex("9f00")), "cbor_truncated"],
  [
    "BC5",
    "a million empty chunks",
    around(joined(hex("7f"), repeated("60", 1_000_000), hex("ff"))),
    "cbor_too_many_items",
  ],
  ["BC6", "half a character", around(hex("62c328")), "cbor_bad_utf8"],
  ["BC6", "a lone surrogate", around(hex("63eda080")), "cbor_bad_utf8"],
  ["BC6", "an overlong form", around(hex("62c0af")), "cbor_bad_utf8"],
  ["BC7", "a byte behind the message", joined(append({}), hex("00")), "cbor_trailing"],
  ["BC8", "a member twice", TWICE, "cbor_duplicate_key"],
  ["BC9", "a number as a path", append({ path: 5 }), "bad_path"],
  ["BC9", "a text as a timestamp", append({ timestamp: "now" }), "bad_field"],
  ["BC9", "no timestamp", without("timestamp"), "bad_field"],
  ["BC9", "null as a timestamp", append({ timestamp: null }), "bad_field"],
  ["BC9", "a float", around(hex("fb41d9000000000000")), "cbor_malformed"],
  ["BC9", "a negative number", around(hex("20")), "cbor_malformed"],
  ["BC9", "a big number", around(hex("c249010000000000000000")), "cbor_malformed"],
  ...["1b0020000000000000", "1b8000000000000000", "1bffffffffffffffff"].map(
    (timestamp): Row => ["BC10", `a timestamp of ${timestamp}`, withTimestamp(timestamp), "bad_field"],
  ),
  ...[0, 1, 31, 33, 1_000_000].map(
    (length): Row => [
      "BC11",
      `an image id of ${length} bytes`,
      append({ image: new Uint8Array(length) }),
      "bad_field",
    ],
  ),
  ...[
    "",
    "x/y",
    "//",
    "/a/../b",
    "/a//b",
    "/a/b/",
    "/a/.",
    "/a/\0",
    `/a/${"b".repeat(5_000)}`,
    `/a${"/b".repeat(64)}`,
  ].map(
    (path): Row => ["BC12", `the path ${JSON.stringify(path.slice(0, 20))}`, append({ path }), "bad_path"],
  ),
  [
    "BC15",
    "100,000 signatures",
    append({ signatures: Array.from({ length: 100_000 }, () => 0) }),
    "cbor_too_many_items",
  ],
  [
    "BC15",
    "17 signatures",
    append({ signatures: Array.from({ length: 17 }, () => SIGNATURE) }),
    "too_many_signatures",
  ],
  ["BC15", "another algorithm", append({ signatures: [["ssh-rsa", new Uint8Array(64)]] }), "bad_field"],
  ["BC15", "63 bytes", append({ signatures: [["ssh-ed25519", new Uint8Array(63)]] }), "bad_field"],
  ["BC15", "65 bytes", append({ signatures: [["ssh-ed25519", new Uint8Array(65)]] }), "bad_field"],
  ["BC15", "a signature that is no array", append({ signatures: [new Uint8Array(64)] }), "bad_field"],
  [
    "BC15",
    "more than two elements",
    append({ signatures: [["ssh-ed25519", new Uint8Array(64), 0]] }),
    "bad_field",
  ],
  ["BC18", "the kind 3", encodeCbor([3, "AppendDir", 7, mapOf(UPLOAD)]), "unknown_message"],
  [
    "BC18",
    "the kind 2^64 - 1",
    joined(hex("841bffffffffffffffff"), encodeCbor("GetIndex"), hex("07a0")),
    "unknown_message",
  ],
  ["BC18", "a text as the kind", encodeCbor(["1", "AppendDir", 7, mapOf(UPLOAD)]), "unknown_message"],
  ["BC18", "an unknown request", request("DropDir", { path: "/site/x" }), "unknown_message"],
  [
    "BC18",
    "a notification with an id",
    encodeCbor([0, "PublishImage", 7, mapOf({ id: IMAGE })]),
    "unknown_message",
  ],
  ["BC18", "no array", encodeCbor(mapOf(UPLOAD)), "unknown_message"],
  ["BC21", "a hint with ..", blockRequest("/../../x"), "bad_path"],
  ["BC21", "a relative hint", blockRequest("x"), "bad_path"],
  ["BC21", "the hint /", blockRequest("/"), "bad_path"],
  ...["..", "", "a/b"].map(
    (name): Row => ["BC25", `an image called "${name}"`, listing({ [name]: stateOf() }), "bad_path"],
  ),
  ["BC25", "more images than a directory has", listing(manyStates()), "too_many_entries"],
  [
    "BC25",
    "a state without signatures",
    listing({ a: mapOf({ image: IMAGE, signatures: [] }) }),
    "bad_field",
  ],
];

function withTimestamp(item: string): Uint8Array {
  const [before, after] = [
    encodeCbor([1, "AppendDir", 7]),
    encodeCbor(mapOf({ path: "/site/x", image: IMAGE })),
  ];
  const rest = joined(encodeCbor("signatures"), encodeCbor([SIGNATURE]), encodeCbor("timestamp"), hex(item));
  return joined(hex("84"), before.subarray(1), hex("a4"), after.subarray(1), rest);
}

function blockRequest(path: string): Uint8Array {
  return request("GetBlock", { hash: IMAGE, hint: [path, "file", 0] });
}

function stateOf(): Cbor {
  return mapOf({ image: IMAGE, signatures: [[WALL, SIGNATURE]] });
}

function manyStates(): Members {
  const state = mapOf({ image: IMAGE, signatures: [] });
  return Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`a${at}`, state]));
}

function listing(dirs: Members): Uint8Array {
  const hash = new Uint8Array(32);
  return response("GetBaseDir", { config_hash: hash, keep_list_hash: hash, dirs: mapOf(dirs) });
}

test.each(ROWS)("%s %s", (_, __, frame, code) => {
  const decoded = decodeFrame(frame);
  expect(decoded.ok ? null : decoded.code).toBe(code);
});

describe.each(appendixF)("BC2 not well-formed: $kind", ({ hex: items }) => {
  test.each(items)("%s, inside of a message", (item) => {
    expect(decodeFrame(around(hex(item))).ok).toBe(false);
  });
});

/** What a node believes and has promised. */
function stateText({ node, pending, verifies }: Rig): string {
  const { catalog, view, publish, watch, reconcile, downloads, waiting } = node;
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map ? [...value] : value instanceof Set ? [...value] : value;
  return JSON.stringify(
    { catalog, view, publish, watch, reconcile, downloads, waiting, pending, verifies },
    plain,
  );
}

test("none of the rows changes a node, reaches its disk, or gets more than an error", () => {
  const rig = createRig();
  rig.start();
  for (const [at, [id, what, bytes]] of ROWS.entries()) {
    const conn = (at + 1) * 2;
    rig.open(conn);
    const before = stateText(rig);
    const effects = rig.feed({ kind: "frame", conn: conn as ConnId, bytes });
    expect([
      id,
      what,
      effects.map(({ kind }) => kind).filter((kind) => !/^(trace|send_frame)$/.test(kind)),
    ]).toEqual([id, what, []]);
    for (const message of sentFrames(effects))
      expect(message).toMatchObject({ kind: "response", response: { type: "Error" } });
    expect(stateText(rig)).toBe(before);
  }
});

test("BC1 a connection that says nothing else is closed", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const effects = Array.from({ length: REFUSALS_MAX }, () =>
    rig.feed({ kind: "frame", conn: 2 as ConnId, bytes: hex("ff") }),
  );
  expect(effects.map((each) => each.filter(({ kind }) => kind === "close").length)).toEqual([
    ...Array.from({ length: REFUSALS_MAX - 1 }, () => 0),
    1,
  ]);
});

/** An upload by a client, answered. */
function ask(rig: Rig, changes: Members): unknown {
  rig.open(2);
  const effects = rig.feed({ kind: "frame", conn: 2 as ConnId, bytes: append(changes) });
  const [message] = sentFrames(effects.some(({ kind }) => kind === "verify") ? rig.verify() : effects);
  return message?.kind === "response" && message.response.type === "AppendDir"
    ? message.response.reason
    : message;
}

test.each<readonly [id: string, what: string, changes: Members, reason: string]>([
  ["BC10", "an hour ahead", { timestamp: WALL + 3_600_000 }, "timestamp_in_future"],
  ["BC12", "one level", { path: "/site" }, "config_level_mismatch"],
  ["BC13", "a key that is not configured", { path: "/other/x" }, "no_config"],
  ["BC13", "a key of every object", { path: "/__proto__/x" }, "no_config"],
  ["BC14", "a hidden name", { path: "/site/.hidden" }, "reserved_name"],
  ["BC14", "a temporary name", { path: "/site/.tmp.x" }, "reserved_name"],
  ["BC14", "a name that ends like a promise", { path: "/site/foo.new" }, "reserved_name"],
  ["BC14", "a name that ends like a state", { path: "/site/x.state" }, "reserved_name"],
  ["BC14", "both", { path: "/site/x.new.state" }, "reserved_name"],
  ["BC14", "250 bytes", { path: `/site/${"x".repeat(250)}` }, "name_too_long"],
  ["BC15", "no signature", { signatures: [] }, "signature_mismatch"],
])("%s %s", (_, __, changes, reason) => {
  const rig = createRig();
  rig.start();
  const before = rig.pending.length;
  expect(ask(rig, changes)).toBe(reason);
  expect(rig.pending.length).toBe(before);
});

test("BC8 members of every object's prototype are unknown members, and ignored", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const more = { __proto__: 1, constructor: 2, toString: 3 };
  const bytes = encodeCbor([
    1,
    "AppendDir",
    7,
    new Map([...Object.entries(UPLOAD), ["__proto__", 1], ...Object.entries(more)]),
  ]);
  const effects = rig.feed({ kind: "frame", conn: 2 as ConnId, bytes });
  expect(effects.map(({ kind }) => kind)).toContain("verify");
});

test("BC19 an answer that nobody waits for, twice, and of another type, changes nothing", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const before = stateText(rig);
  for (const type of ["GetIndex", "GetIndex", "GetBlock"] as const)
    expect(rig.respond(2, 7, { type, data: new Uint8Array(1) })).toEqual([]);
  expect(stateText(rig)).toBe(before);
});

test("BC20 two requests of one number are both answered", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const answers = [1, 2].flatMap(() =>
    sentFrames(rig.request(2, 7, { type: "GetIndexAt", path: pathOf("x") })),
  );
  expect(answers.map((each) => (each.kind === "response" ? each.id : null))).toEqual([7, 7]);
});

test.each([
  ["BC21", "no hint", null],
  ["BC21", "a path of one component", { path: "/site" as VPath, file: "file", offset: 0 }],
  ["BC21", "an image that is not here", { path: pathOf("none"), file: "file", offset: 0 }],
  ["BC21", "an offset of 2^53 - 1", { path: pathOf("none"), file: "file", offset: Number.MAX_SAFE_INTEGER }],
] as const)("%s %s: no block, and no look at the disk", (_, __, hint) => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const sent = sentFrames(rig.request(2, 1, { type: "GetBlock", hash: hashOfNumber(1), hint }));
  expect(sent).toMatchObject([
    { response: { type: "Error", text: expect.stringMatching(/block not found|Hint is/) } },
  ]);
  expect(rig.pending).toEqual([]);
});

test.each([null, "/etc/keep"])(
  "BC21 a listing of one component is empty, with the keep list %s",
  (keepListFile) => {
    const rig = createRig({ settings: { numLevels: 3, keepListFile } });
    rig.start();
    rig.open(2);
    const sent = sentFrames(rig.request(2, 1, { type: "GetBaseDir", path: "/site" as VPath }));
    expect(sent).toMatchObject([{ response: { type: "GetBaseDir", listing: [] } }]);
  },
);

test("BC22 a question about a path that is nowhere makes nothing", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const sent = sentFrames(rig.request(2, 1, { type: "GetIndexAt", path: pathOf("none") }));
  expect(sent).toMatchObject([{ response: { type: "GetIndexAt", data: null } }]);
  expect(rig.pending).toEqual([]);
});

test("BC23 watches without a valid signature have their bound, which is told", () => {
  // 0.6.12 counts a watch from the request on, whatever becomes of it.
  const rig = createRig();
  rig.start();
  rig.open(2);
  const reasons = Array.from({ length: DEFAULT_LIMITS.watchesPerConnMax + 1 }, (_, at) =>
    sentFrames(
      rig.request(2, 1, {
        type: "AppendDir",
        path: pathOf(`x${at}`),
        image: imageOf(1),
        timestamp: WALL,
        signatures: [],
      }),
    ),
  );
  expect(reasons.at(-2)).toMatchObject([{ response: { reason: "signature_mismatch" } }]);
  expect(reasons.at(-1)).toMatchObject([{ response: { type: "Error", text: "too_many_watches" } }]);
  expect(rig.node.watch.paths.size).toBe(DEFAULT_LIMITS.watchesPerConnMax);
});

test("BC24 who declares more images than it may is cut off", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const declare = (at: number) =>
    rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image: imageOf(at) } });
  for (let at = 0; at < DEFAULT_LIMITS.watchesPerConnMax; at++) expect(declare(at)).toEqual([]);
  expect(declare(DEFAULT_LIMITS.watchesPerConnMax)).toEqual([{ kind: "close", conn: 2 }]);
});

test("BC25 of a listing that is not what was advertised counts what is signed, and nothing else", () => {
  const rig = createRig();
  rig.start();
  rig.gossip(1, {
    type: "Reconcile",
    path: "/site" as never,
    digest: "ab".repeat(32) as never,
    watches: new Map(),
  });
  const [dialled] = rig.all.filter((each) => each.kind === "dial");
  if (dialled?.kind !== "dial") throw new Error("nobody was asked");
  rig.feed({ kind: "conn_open", conn: dialled.conn, address: dialled.address, side: "dialled" });
  const asked = sentFrames(rig.all, dialled.conn).find((each) => each.kind === "request");
  if (asked?.kind !== "request") throw new Error("nothing was asked");
  const zero = "00".repeat(32) as never;
  const state = { image: imageOf(5), signatures: [{ timestamp: WALL, bytes: new Uint8Array(64) }] };
  rig.respond(dialled.conn, asked.id, {
    type: "GetBaseDir",
    configHash: zero,
    keepListHash: zero,
    listing: [["x", state]],
  });
  const before = rig.pending.length;
  const [op] = rig.verifies;
  if (op === undefined) throw new Error("its entry was taken without a look at its signature");
  rig.feed({ kind: "verified", op, holds: [false] });
  expect(rig.node.publish.uploads.size).toBe(0);
  expect(rig.pending.length).toBe(before);
});
