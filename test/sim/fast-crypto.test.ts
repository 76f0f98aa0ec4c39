import fc from "fast-check";
import { expect, test } from "vitest";
import { createFastCrypto } from "../../sim/cli/fast-crypto.ts";
import { PORTABLE } from "../../sim/crypto.ts";

test("the daemon's libraries answer as the kernel's", async () => {
  const fast = await createFastCrypto();
  const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(secret, fc.uint8Array({ maxLength: 300 }), fc.nat(511), (seed, bytes, bit) => {
      expect(fast.blake2b(bytes)).toEqual(PORTABLE.blake2b(bytes));
      expect(fast.sha512(bytes)).toEqual(PORTABLE.sha512(bytes));
      const key = PORTABLE.publicKeyOf(seed);
      expect(fast.publicKeyOf(seed)).toBe(key);
      const signature = PORTABLE.sign(seed, bytes);
      expect(fast.sign(seed, bytes)).toEqual(signature);
      const bent = signature.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      for (const each of [signature, bent, signature.subarray(1)])
        expect(fast.verify(key, bytes, each)).toBe(PORTABLE.verify(key, bytes, each));
    }),
    { numRuns: 20 },
  );
});
