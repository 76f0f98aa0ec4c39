/** BC16 and BC17: signatures that hold for something else, beside garbage, or by a laxer rule than ours. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { PublicKey } from "../../kernel/config.ts";
import type { ImageId, VPath } from "../../kernel/ids.ts";
import { createVerifier } from "../../adapters/verifier.ts";
import { parsePublicKey } from "../../kernel/signature/public-key.ts";
import { uploadPayload } from "../../kernel/signature/payload.ts";
import { publicKeyOf, signWithSeed, verifySignature } from "../../kernel/signature/verify.ts";
import { toHex } from "../../kernel/text.ts";
import { createRig, imageOf, pathOf, sentFrames, WALL } from "../kernel/rig.ts";

const { keys } = JSON.parse(readFileSync("test/vectors/signature.json", "utf8")) as {
  readonly keys: readonly { readonly seed: string }[];
};
const SEED = Uint8Array.from(Buffer.from(keys[0]?.seed ?? "", "hex"));
const [PATH, IMAGE] = [pathOf("x"), imageOf(1)];
const sign = (path: VPath, image: ImageId, timestamp: number) =>
  signWithSeed(SEED, uploadPayload(path, image, timestamp));
const GOOD = sign(PATH, IMAGE, WALL);

/** The reason that a server gives, with real verification, and what it then promises on its disk. */
function offer(signatures: readonly Uint8Array[]): { readonly reason: unknown; readonly stored: unknown } {
  const rig = createRig();
  rig.start();
  const key = publicKeyOf(SEED) as PublicKey;
  rig.feed({ kind: "keys_changed", keys: { master: [key], named: new Map(), ending: [] } });
  rig.open(2);
  const asked = rig.request(2, 1, {
    type: "AppendDir",
    path: PATH,
    image: IMAGE,
    timestamp: WALL,
    signatures,
  });
  const answers = [...asked];
  for (const effect of asked) {
    if (effect.kind !== "verify") continue;
    const holds = effect.checks.map(({ publicKey, payload, signature }) =>
      verifySignature(toHex(publicKey) as PublicKey, payload, signature),
    );
    answers.push(...rig.feed({ kind: "verified", op: effect.op, holds }));
  }
  const promise = rig.pending.find(({ request }) => request.kind === "put_intent")?.request;
  if (promise?.kind !== "put_intent") {
    const [message] = sentFrames(answers);
    const response = message?.kind === "response" ? message.response : null;
    return { reason: response !== null && "reason" in response ? response.reason : response, stored: null };
  }
  return { reason: null, stored: promise.state.signatures.map(({ bytes }) => toHex(bytes)) };
}

test.each([
  ["for another path", sign(pathOf("y"), IMAGE, WALL)],
  ["for another image", sign(PATH, imageOf(2), WALL)],
  ["for another moment", sign(PATH, IMAGE, WALL - 1)],
  ["of zeros", new Uint8Array(64)],
])("BC16 a signature %s is a mismatch, and nothing is promised", (_, signature) => {
  expect(offer([signature])).toEqual({ reason: "signature_mismatch", stored: null });
});

test("BC16 garbage that sorts before the signature that holds does not displace it", () => {
  const garbage = Array.from({ length: 15 }, (_, at) => new Uint8Array(64).fill(at));
  expect(offer([...garbage, GOOD])).toEqual({ reason: null, stored: [toHex(GOOD)] });
});

/** RFC 8032, section 5.1.7: S is below the order of the group; R and A are what an encoder writes. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
test.each([
  ["S + L", (bytes: Uint8Array) => withS(bytes, ORDER)],
  ["S + 8 L", (bytes: Uint8Array) => withS(bytes, 8n * ORDER)],
  [
    "the sign of R's x changed",
    (bytes: Uint8Array) => bytes.map((byte, at) => (at === 31 ? byte ^ 0x80 : byte)),
  ],
  [
    "R of small order",
    (bytes: Uint8Array) => Uint8Array.from([1, ...new Uint8Array(31), ...bytes.subarray(32)]),
  ],
  [
    "R that no encoder writes",
    (bytes: Uint8Array) => Uint8Array.from([...new Uint8Array(32).fill(0xff), ...bytes.subarray(32)]),
  ],
])("BC17 %s is a mismatch", (_, change) => {
  expect(offer([change(GOOD)])).toEqual({ reason: "signature_mismatch", stored: null });
  expect(offer([GOOD]).reason).toBeNull();
});

type Edge = {
  readonly note: string;
  readonly public: string;
  readonly message: string;
  readonly signature: string;
  readonly holds: boolean;
  readonly weakKey: boolean;
};
const edges = JSON.parse(readFileSync("test/vectors/ed25519-edges.json", "utf8")) as {
  readonly cases: readonly Edge[];
};
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

test.each(edges.cases)("BC17 verifiers differ where $note: ours always says the same", async (edge) => {
  const [publicKey, payload, signature] = [edge.public, edge.message, edge.signature].map(bytesOf);
  if (publicKey === undefined || payload === undefined || signature === undefined) throw new Error("three");
  const verifier = createVerifier();
  const answer = await new Promise((done) => verifier.verify([{ publicKey, payload, signature }], done));
  expect(answer).toEqual([edge.holds]);
  // Nobody's upload is judged by a key for which anybody can sign.
  expect(parsePublicKey(publicKey)).toMatchObject(
    edge.weakKey ? { ok: false, code: "weak_key" } : { ok: true },
  );
});

type Wycheproof = {
  readonly publicKey: string;
  readonly valid: readonly { readonly message: string; readonly signature: string }[];
  readonly special: { readonly message: string; readonly signatures: readonly string[] };
};
const wycheproof = JSON.parse(readFileSync("test/vectors/ed25519-wycheproof.json", "utf8")) as Wycheproof;

test("BC17 what Wycheproof says of ordinary signatures, and of 20 with special values, so say both verifiers", async () => {
  const { valid, special } = wycheproof;
  const cases = [
    ...valid.map((each) => ({ ...each, holds: true })),
    ...special.signatures.map((signature) => ({ message: special.message, signature, holds: false })),
  ];
  const wanted = cases.map(({ holds }) => holds);
  const checks = cases.map(({ message, signature }) => ({
    publicKey: bytesOf(wycheproof.publicKey),
    payload: bytesOf(message),
    signature: bytesOf(signature),
  }));
  const verifier = createVerifier();
  expect(await new Promise((done) => verifier.verify(checks, done))).toEqual(wanted);
  const own = checks.map(({ payload, signature }) =>
    verifySignature(wycheproof.publicKey as PublicKey, payload, signature),
  );
  expect(own).toEqual(wanted);
  expect([wanted.length, new Set(special.signatures).size]).toEqual([29, 20]);
});

function withS(bytes: Uint8Array, more: bigint): Uint8Array {
  let s = more;
  for (let at = 63; at >= 32; at--) s += BigInt(bytes[at] ?? 0) << BigInt(8 * (at - 32));
  return bytes.map((byte, at) => (at < 32 ? byte : Number((s >> BigInt(8 * (at - 32))) & 0xffn)));
}
