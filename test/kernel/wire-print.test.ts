import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeFrame } from "../../kernel/wire/frame.ts";
import { decodePacket } from "../../kernel/wire/packet.ts";
import { printMessage, printPacket } from "../../kernel/wire/print.ts";
import {
  decodeState,
  digestOfKeepList,
  digestOfSettings,
  encodeState,
} from "../../kernel/wire/state-file.ts";

const read = (file: string) => JSON.parse(readFileSync(`test/vectors/${file}`, "utf8"));
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const ONE_LINE = /^[\x20-\x7e]+$/;

test("every message and packet is one printable line", () => {
  for (const { hex } of read("wire.json").messages) {
    const frame = decodeFrame(bytes(hex));
    expect(frame.ok && printMessage(frame.message)).toMatch(ONE_LINE);
  }
  for (const { hex } of read("gossip.json").packets) {
    const packet = decodePacket(bytes(hex));
    expect(packet.ok && printPacket(packet.value)).toMatch(ONE_LINE);
  }
  const error = { type: "Error", text: "a\nb\u2028\u001b[2J" } as const;
  expect(printMessage({ kind: "response", id: 1, response: error })).toBe(
    String.raw`#1 -> Error "a\nb\u2028\u001b[2J"`,
  );
});

test("settings and keep lists have the digests of the vectors", () => {
  const vectors = read("basedir-hash.json");
  for (const { config, config_hash } of vectors.config_hash_in_GetBaseDir) {
    const settings = {
      numLevels: config.num_levels,
      autoClean: config.auto_clean,
      keepMinDirectories: config.keep_min_directories,
      keepMaxDirectories: config.keep_max_directories,
      keepRecentMs: config.keep_recent,
    };
    expect(digestOfSettings(settings)).toBe(config_hash);
  }
  for (const { keep_list, keep_list_hash } of vectors.keep_list_hash_in_GetBaseDir) {
    expect(digestOfKeepList([...keep_list, ...keep_list].toReversed())).toBe(keep_list_hash);
  }
});

test("a stage is written only when given, and a reader that does not know it is not disturbed", () => {
  for (const { hex, file } of read("state.json").valid) {
    expect(readFileSync(`test/vectors/${file}`).toString("hex")).toBe(hex);
    const state = decodeState(bytes(hex));
    if (!state.ok) throw new Error(state.detail);
    expect(Buffer.from(encodeState(state.value)).toString("hex")).toBe(hex);
    expect(decodeState(encodeState(state.value, "s1"))).toEqual(state);
  }
});
