import { expect, test } from "vitest";
import type { Address, MonoMs } from "../../kernel/ids.ts";
import { createPeerList, dueNames, learned, newsOf, setNames } from "../../kernel/peer-list.ts";

const at = (seconds: number) => (seconds * 1_000) as MonoMs;
const to = (...addresses: readonly string[]) => addresses as readonly Address[];
const names = (...texts: readonly string[]) => texts.map((text) => ({ text, name: `${text}:1` }));

test("each name is asked once, again after a minute, or two seconds when it does not resolve", () => {
  const list = createPeerList();
  setNames(list, names("a", "b"));
  expect(dueNames(list, at(0))).toEqual(names("a", "b"));
  expect(dueNames(list, at(100))).toEqual([]);
  learned(list, "a", to("10.0.0.1:1"), at(100));
  learned(list, "b", [], at(100));
  expect(dueNames(list, at(101.9))).toEqual([]);
  expect(dueNames(list, at(102))).toEqual(names("b"));
  expect(dueNames(list, at(159.9))).toEqual([]);
  expect(dueNames(list, at(160))).toEqual(names("a"));
});

test("an answer of none keeps what was known; another one takes its place; each address is told once", () => {
  const list = createPeerList();
  setNames(list, names("a", "b"));
  dueNames(list, at(0));
  learned(list, "a", to("x"), at(0));
  learned(list, "b", to("x", "y"), at(0));
  expect(newsOf(list)).toEqual([
    { address: "x", name: "a" },
    { address: "y", name: "b" },
  ]);
  learned(list, "a", [], at(60));
  expect(newsOf(list)).toBeNull();
  learned(list, "a", to("z"), at(70));
  expect(newsOf(list)?.map(({ address }) => address)).toEqual(["z", "x", "y"]);
});

test("of a service clients are told the addresses", () => {
  const list = createPeerList();
  setNames(list, names("_ciruela._tcp.a"));
  dueNames(list, at(0));
  learned(list, "_ciruela._tcp.a", to("10.0.0.1:1", "[fe80::1]:1"), at(0));
  expect(newsOf(list)?.map(({ name }) => name)).toEqual(["10.0.0.1", "fe80::1"]);
});

test("a name that leaves the file takes its addresses along, and one that stays keeps them", () => {
  const list = createPeerList();
  setNames(list, names("a", "b"));
  dueNames(list, at(0));
  learned(list, "a", to("x"), at(0));
  learned(list, "b", to("y"), at(0));
  newsOf(list);
  setNames(list, names("b", "c"));
  expect(newsOf(list)).toEqual([{ address: "y", name: "b" }]);
  learned(list, "a", to("x"), at(1)); // too late
  expect(newsOf(list)).toBeNull();
  expect(dueNames(list, at(1))).toEqual(names("c"));
});
