/**
 * Index texts. The digest is part of what the parser is given, so here it answers with the footer of the text: bodies
 * are reached that no changed text would have a right digest for.
 */
import { readdirSync, readFileSync } from "node:fs";
import { parseIndex } from "../../kernel/index/parse.ts";
import { printHeader, printIndex } from "../../kernel/index/print.ts";
import { findFile, kindOf, pathOf, placeOfBlock } from "../../kernel/index/view.ts";
import type { Target } from "./engine.ts";
import { hold, known, roughly, vectors } from "./laws.ts";
import { joined, type Mutate } from "./mutate-bytes.ts";
import { mutateLines } from "./mutate-lines.ts";

const CODES = new Set([
  "index_truncated",
  "index_too_large",
  "index_bad_header",
  "unsupported_hash",
  "index_bad_block_size",
  "index_bad_footer",
  "index_trailing_data",
  "index_hash_mismatch",
  "index_bad_root",
  "index_bad_line",
  "index_bad_path",
  "index_bad_name",
  "index_bad_escape",
  "index_name_too_long",
  "index_too_deep",
  "index_order",
  "index_duplicate",
  "index_conflict",
  "index_bad_size",
  "index_bad_hash_count",
  "index_bad_hash",
  "index_bad_link",
  "image_too_large",
  "too_many_entries",
]);
const HASH = "ab".repeat(32);
const FOOTER_BYTES = 65;

const anywhere = mutateLines(
  [
    "/",
    "/a",
    "/a/b",
    "/b",
    "  a f 0",
    `  b x 1 ${HASH}`,
    "  c s target",
    `  d f 32769 ${HASH} ${HASH}`,
  ].concat(
    ["f", "x", "s", "0", "1", "32768", "32769", "9007199254740991", "9007199254740992", "-1", "007", HASH],
    ["\\x20", "\\x5c", "\\x2f", "\\x00", "\\xff", "\\x41", "..", ".", " ", "  ", "\t", "\r", "a".repeat(256)],
    [
      "DIRSIGNATURE.v1",
      "blake2b/256",
      "sha512/256",
      "block_size=32768",
      "block_size=1",
      "key=value",
      "/a".repeat(300),
    ],
  ),
);

/** Mostly the body alone, every third time with its entries in order again: else few would get past the first lines. */
const mutate: Mutate = (dice, input, other) => {
  const start = input.indexOf(0x0a) + 1;
  const end = input.length - FOOTER_BYTES;
  if (end < start || dice.once(8)) return anywhere(dice, input, other);
  const body = anywhere(
    dice,
    input.subarray(start, end),
    other.subarray(other.indexOf(0x0a) + 1, -FOOTER_BYTES),
  );
  return joined(input.subarray(0, start), dice.once(3) ? inOrder(body) : body, input.subarray(end));
};

function inOrder(body: Uint8Array): Uint8Array {
  const sorted: string[] = [];
  let entries: string[] = [];
  for (const line of [...Buffer.from(body).toString("latin1").split("\n"), ""]) {
    if (line.startsWith("  ")) {
      entries.push(line);
      continue;
    }
    const byName = new Map(entries.map((entry) => [entry.split(" ")[2] ?? "", entry]));
    sorted.push(...[...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry), line);
    entries = [];
  }
  return Buffer.from(sorted.slice(0, -1).join("\n"), "latin1");
}

export const index: Target = {
  name: "index",
  about:
    "parseIndex: an index or a code; printed again it is the same text, and every entry is found by its path",
  files: ["kernel/index/"],
  msPerMiB: 50,
  seeds() {
    const { cases } = vectors("index-malformed.json") as { cases: readonly { text_latin1: string }[] };
    const folder = new URL("../vectors/index/", import.meta.url);
    const good = readdirSync(folder).map((file) => readFileSync(new URL(file, folder)));
    return [...good, ...cases.map(({ text_latin1 }) => Buffer.from(text_latin1, "latin1"))].filter(
      ({ length }) => length < 4_096,
    );
  },
  mutate,
  run(input) {
    const footer = Buffer.from(input.subarray(-FOOTER_BYTES, -1)).toString("latin1");
    const digest = Uint8Array.from(Buffer.from(/^[0-9a-f]{64}$/.test(footer) ? footer : "", "hex"));
    const parsed = parseIndex(input, { image: null, anyBlockBytes: true }, () => digest);
    if (!parsed.ok) return known(parsed.code, CODES);
    const found = parsed.value;
    const printed = printIndex(found, () => digest).text;
    // Further keys of the header are read and not written.
    const own = printHeader(found.hashName, found.blockBytes).length;
    const start = input.indexOf(0x0a) + 1;
    hold(
      Buffer.compare(printed.subarray(own), input.subarray(start)) === 0,
      "what is printed is what was parsed",
    );
    for (let entry = 0; entry < Math.min(found.entryCount, 64); entry++) {
      const wanted = kindOf(found, entry) === 1 || kindOf(found, entry) === 2 ? entry : -1;
      hold(findFile(found, pathOf(found, entry)) === wanted, "an entry is found by its path");
    }
    if (found.blockCount > 0) placeOfBlock(found, found.blockCount - 1);
    return `ok ${roughly(found.entryCount)} ${roughly(found.blockCount)} ${new Set(found.kinds).size}`;
  },
};
