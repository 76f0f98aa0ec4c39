/** State files: of what is committed, and of what was promised. */
import { decodeIntent, encodeIntent } from "../../kernel/storage/intent.ts";
import { decodeState, encodeState } from "../../kernel/wire/state-file.ts";
import type { Target } from "./engine.ts";
import { CBOR_CODES, hexBytes, hold, known, roughly, sameBytes, vectors } from "./laws.ts";
import { mutateCbor } from "./mutate-cbor.ts";

const DETAILS = new Set([...CBOR_CODES, "not an image with signatures", "damaged"]);

export const state: Target = {
  name: "state",
  about:
    "decodeState, decodeIntent: a state or none; both agree on which; written and read again it is the same",
  files: ["kernel/wire/guard.ts", "kernel/wire/cbor.ts", "kernel/wire/shape.ts", "kernel/wire/state-file.ts"],
  msPerMiB: 50,
  seeds() {
    const { valid, invalid } = vectors("state.json") as Record<
      "valid" | "invalid",
      readonly { hex: string }[]
    >;
    const intent = decodeState(hexBytes(valid[0]?.hex ?? ""));
    const ours = intent.ok ? [encodeIntent(intent.value, "ab12", "append"), encodeState(intent.value)] : [];
    return [...valid.map(({ hex }) => hexBytes(hex)), ...invalid.map(({ hex }) => hexBytes(hex)), ...ours];
  },
  mutate: mutateCbor([
    "image",
    "signatures",
    "stage",
    "mode",
    "check",
    "append",
    "replace",
    "ssh-ed25519",
    "ssh-rsa",
    "ab12",
  ]),
  run(input) {
    const decoded = decodeState(input);
    const intent = decodeIntent(input);
    hold(decoded.ok === (intent !== null), "a promise is a state with more members");
    if (!decoded.ok || intent === null) return known(decoded.ok ? "" : decoded.detail, DETAILS);
    const printed = encodeState(decoded.value);
    const again = decodeState(printed);
    hold(again.ok && sameBytes(encodeState(again.value), printed), "decode after encode is the same");
    const { stage, mode } = intent;
    if (stage !== null) {
      const promise = encodeIntent(intent.state, stage, mode);
      const read = decodeIntent(promise);
      hold(
        read !== null && read.stage === stage && read.mode === mode,
        "a promise is read as it was written",
      );
      hold(sameBytes(encodeIntent(read.state, stage, mode), promise), "decode after encode is the same");
    }
    return `ok ${roughly(decoded.value.signatures.length)} ${stage === null ? "" : mode}`;
  },
};
