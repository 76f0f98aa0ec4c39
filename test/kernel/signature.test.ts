import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseImageId, parseVPath } from "../../kernel/ids.ts";
import { uploadPayload } from "../../kernel/signature/payload.ts";

type Case = {
  path: string;
  image: string;
  timestamp_ms: number;
  signed_bytes: string;
  signature_test1: string;
};
const vectors: { keys: { seed: string }[]; cases: Case[] } = JSON.parse(
  readFileSync("test/vectors/signature.json", "utf8"),
);
const PKCS8_ED25519 = "302e020100300506032b657004220420"; // RFC 8410: what stands before the seed

test.each(vectors.cases)("an upload of $path at $timestamp_ms is signed as by 0.6.12", (vector) => {
  const path = parseVPath(vector.path);
  const image = parseImageId(vector.image);
  if (path === null || image === null) throw new Error("the vector is in normal form");
  const payload = uploadPayload(path, image, vector.timestamp_ms);
  expect(Buffer.from(payload).toString("hex")).toBe(vector.signed_bytes);
  const der = Buffer.from(PKCS8_ED25519 + (vectors.keys[0]?.seed ?? ""), "hex");
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  expect(sign(null, payload, key).toString("hex")).toBe(vector.signature_test1);
});
