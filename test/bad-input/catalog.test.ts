/** Every entry of the catalogue is tried, or struck with a reason. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ALL_IDS, ELSEWHERE, SECTIONS, STRUCK } from "./catalog.ts";

const FOLDER = "test/bad-input";
const texts = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".test.ts") && file !== "catalog.test.ts")
  .map((file) => readFileSync(`${FOLDER}/${file}`, "utf8"));

/** Ids at the beginning of a quoted text: of a row, or of a title, which may have several. */
const here = new Set(
  texts.flatMap((text) =>
    Array.from(text.matchAll(/["`]((?:B[A-Z]\d+ ?)+)/g), ([, ids = ""]) => ids.trim().split(" ")).flat(),
  ),
);
for (const text of texts) for (const [id] of text.matchAll(/(?<=and )B[A-Z]\d+(?= with)/g)) here.add(id);
const tried = new Set([...here, ...ELSEWHERE.map(([id]) => id)]);

test("the catalogue has 163 entries", () => {
  expect(ALL_IDS.length).toBe(163);
  expect(new Set(ALL_IDS).size).toBe(163);
});

test("each of them is tried or struck", () => {
  expect(ALL_IDS.filter((id) => !tried.has(id) && STRUCK[id] === undefined)).toEqual([]);
});

test("there are no others", () => {
  const known = new Set(ALL_IDS);
  const named = [...tried, ...Object.keys(STRUCK)];
  expect(named.filter((id) => !known.has(id))).toEqual([]);
});

test("what is tried elsewhere is there", () => {
  for (const [id, file, text] of ELSEWHERE)
    expect([id, text, readFileSync(file, "utf8").includes(text)]).toEqual([id, text, true]);
});

test("how many of each section are tried at all: the numbers only grow", () => {
  const counts = Object.keys(SECTIONS).map((section) => [
    section,
    ALL_IDS.filter((id) => id.startsWith(section) && tried.has(id)).length,
  ]);
  expect(Object.fromEntries(counts)).toEqual({
    BI: 30,
    BC: 28,
    BG: 17,
    BH: 12,
    BY: 15,
    BK: 11,
    BL: 9,
    BP: 7,
    BS: 14,
    BF: 14,
    BE: 6,
  });
});
