import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import { decodePacket, encodePacket } from "../../kernel/wire/packet.ts";

type Vector = { name: string; hex: string };
const read = (file: string) => JSON.parse(readFileSync(`test/vectors/${file}`, "utf8"));
const wire: { messages: Vector[]; decoding_tolerance: { cases: (Vector & { original: string })[] } } =
  read("wire.json");
const gossip: { packets: Vector[] } = read("gossip.json");
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");

describe.each(wire.messages)("$name", ({ hex }) => {
  test("becomes a message, and the same frame again", () => {
    const decoded = decodeFrame(bytes(hex));
    if (!decoded.ok) throw new Error(`${decoded.code} ${decoded.detail}`);
    expect(hexOf(encodeFrame(decoded.message))).toBe(hex);
  });
});

describe.each(gossip.packets)("$name", ({ hex }) => {
  test("becomes a packet, and the same datagram again", () => {
    const decoded = decodePacket(bytes(hex));
    if (!decoded.ok) throw new Error(decoded.code);
    expect(hexOf(encodePacket(decoded.value))).toBe(hex);
    expect(decodePacket(bytes(`${hex}ff00`))).toEqual(decoded);
  });
});

/** What 0.6.12's decoder takes, nobody sends, and we refuse on purpose. */
const REFUSED_ON_PURPOSE: ReadonlyMap<string, string> = new Map([
  ["self-describe tag in front", "the guard lets no tag through"],
  ["struct given as array", "positions of members are not part of the protocol"],
  ["member names as integers", "positions of members are not part of the protocol"],
  ["block data as array of integers", "nine times the memory of the bytes it stands for"],
  ["image id of another length", "an id is 32 bytes; an empty one kills 0.6.12"],
  ["path with doubled slash", "no other server can rebuild the signed text"],
  ["path with trailing slash", "no other server can rebuild the signed text"],
  ["path with . component", "no other server can rebuild the signed text"],
]);

test.each(wire.decoding_tolerance.cases)("tolerance: $name ($original)", ({ name, hex, original }) => {
  const want = original === "accept" && !REFUSED_ON_PURPOSE.has(name);
  expect(`${name}: ${decodeFrame(bytes(hex)).ok}`).toBe(`${name}: ${want}`);
});

test("every difference that is on purpose is one", () => {
  const accepted = wire.decoding_tolerance.cases.filter(({ original }) => original === "accept");
  expect(accepted.map(({ name }) => name)).toEqual(expect.arrayContaining([...REFUSED_ON_PURPOSE.keys()]));
});

test("a request that cannot be read keeps its id, so that it can be answered", () => {
  const getBaseDir = "84016a4765744261736544697209a1647061746863";
  for (const path of ["2f612f2e2e", "61", "2f612f2f62", "2f", "2f612f"]) {
    const hex = `${getBaseDir.slice(0, -1)}${(path.length / 2).toString(16)}${path}`;
    expect(decodeFrame(bytes(hex))).toMatchObject({
      ok: false,
      code: "bad_path",
      about: { kind: "request", id: 9 },
    });
  }
});

test("a response that cannot be read keeps its id, so that what waits for it fails", () => {
  expect(decodeFrame(bytes("840268476574426c6f636b08a0"))).toMatchObject({
    about: { kind: "response", id: 8 },
  });
});

test("an upload has at most 16 signatures", () => {
  const one = wire.messages.find(({ name }) => name === "AppendDir request")?.hex ?? "";
  const start = one.lastIndexOf("81826b7373682d");
  const entry = one.slice(start + 2);
  expect(decodeFrame(bytes(`${one.slice(0, start)}90${entry.repeat(16)}`)).ok).toBe(true);
  expect(decodeFrame(bytes(`${one.slice(0, start)}91${entry.repeat(17)}`))).toMatchObject({
    ok: false,
    code: "too_many_signatures",
  });
});

test("bytes near a message never throw", () => {
  const near = fc
    .tuple(fc.constantFrom(...wire.messages, ...gossip.packets), fc.nat(), fc.nat(255), fc.nat(255))
    .map(([{ hex }, at, value, cut]) => {
      const changed = bytes(hex);
      changed[at % changed.length] = value;
      return cut < 200 ? changed : changed.slice(0, at % changed.length);
    });
  let read = 0;
  fc.assert(
    fc.property(near, (input) => {
      if (decodeFrame(input).ok) read += 1;
      if (decodePacket(input).ok) read += 1;
    }),
    { numRuns: 3000 },
  );
  expect(read).toBeGreaterThan(100);
});
