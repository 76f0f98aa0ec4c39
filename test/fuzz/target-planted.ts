/** Broken decoders, for the fuzzer's own test: each of them must be found. */
import type { Target } from "./engine.ts";
import { hexBytes } from "./laws.ts";
import { mutateCbor } from "./mutate-cbor.ts";

const base: Omit<Target, "name" | "about" | "run"> = {
  files: ["test/fuzz/target-planted.ts"],
  msPerMiB: 50,
  seeds: () => [hexBytes("8301020344000102")],
  mutate: mutateCbor(["key"]),
};

export const plantedCrash: Target = {
  ...base,
  name: "planted-crash",
  about: "throws at two bytes in a row, which coverage leads to one by one",
  run(input) {
    if (input[0] === 0xbf) if (input[1] === 0x63) throw new Error("planted");
    return "ok";
  },
};

export const plantedSlow: Target = {
  ...base,
  name: "planted-slow",
  about: "takes the square of the length",
  run(input) {
    let sum = 0;
    for (let a = 0; a < input.length; a++) for (let b = 0; b < a; b += 4) sum ^= input[b] ?? 0;
    return sum === -1 ? "never" : "ok";
  },
};

export const plantedLoop: Target = {
  ...base,
  name: "planted-loop",
  about: "never ends when the second byte is 0x9f",
  run(input) {
    for (let at = 1; input[1] === 0x9f; at = 1) if (at > 1) break;
    return "ok";
  },
};
