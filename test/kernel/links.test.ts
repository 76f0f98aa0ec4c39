/** Connections and the addresses that they lead to. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Address, MonoMs } from "../../kernel/ids.ts";
import { closed, connectionTo, createLinks } from "../../kernel/rpc/links.ts";

test("addresses that failed are remembered up to a bound, and the oldest goes first", () => {
  const links = createLinks<string>(DEFAULT_LIMITS);
  const out: Effect[] = [];
  const address = (nth: number) => `10.0.${nth >> 8}.${nth & 255}:1` as Address;
  for (let nth = 0; nth < 5_000; nth++) {
    const now = (nth * 1_000) as MonoMs;
    const conn = connectionTo(links, address(nth), now, out);
    if (conn === null) throw new Error("a new address may be dialled");
    closed(links, conn, now);
  }
  expect(links.failures.size).toBeLessThanOrEqual(4_096);
  expect([links.failures.has(address(0)), links.failures.has(address(4_999))]).toEqual([false, true]);
});
