/**
 * Section 4.1: index files, from a client, a peer, or the own disk. Every body stands under a right footer, so that it is
 * the parser that refuses, and not the digest.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import { ENTRIES_MAX, INDEX_BYTES_MAX } from "../../kernel/index/limits.ts";
import { type IndexRefusal, parseIndex } from "../../kernel/index/parse.ts";
import { digestBytes } from "../digest.ts";
import { codeOf, done, plant, run, seal, simWorld } from "../storage/world.ts";

const HEADER = "DIRSIGNATURE.v1 blake2b/256 block_size=32768\n";
const HASH = "ab".repeat(32);
const latin = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
const digestOf = (body: string) => Buffer.from(digestBytes("blake2b/256", latin(body))).toString("hex");
const sealed = (body: string, header = HEADER) => `${header}${body}${digestOf(body)}\n`;
const root = (entries: string) => sealed(`/\n${entries}`);
const GOOD = root(`  a f 1 ${HASH}\n`);
const WITH_BYTE = GOOD.replace("  a f", "  b f");

type Row = readonly [id: string, what: string, text: string, code: IndexRefusal | null];

const ROWS: readonly Row[] = [
  ["BI1", "nothing", "", "index_truncated"],
  ["BI1", "one byte", "D", "index_truncated"],
  ["BI1", "a line end", "\n", "index_truncated"],
  ["BI2", "another version", GOOD.replace(".v1", ".v2"), "index_bad_header"],
  ["BI2", "lower case", GOOD.replace("DIRSIGNATURE", "dirsignature"), "index_bad_header"],
  ["BI2", "a BOM first", `\u00ef\u00bb\u00bf${GOOD}`, "index_bad_header"],
  ["BI3", "sha512/25", sealed("/\n", HEADER.replace("blake2b/256", "sha512/25")), "unsupported_hash"],
  ["BI3", "md5", sealed("/\n", HEADER.replace("blake2b/256", "md5")), "unsupported_hash"],
  ["BI3", "upper case", sealed("/\n", HEADER.replace("blake2b/256", "SHA512/256")), "unsupported_hash"],
  ["BI3", "blake3", sealed("/\n", HEADER.replace("blake2b/256", "blake3/256")), "unsupported_hash"],
  ...["0", "-1", "1e3", "0x8000", "18446744073709551616", "32769", "", "032768"].map(
    (size): Row => [
      "BI4",
      `a block of ${size}`,
      sealed("/\n", HEADER.replace("32768", size)),
      "index_bad_block_size",
    ],
  ),
  [
    "BI5",
    "a further key of the header (0.6.12 takes it)",
    sealed("/\n", HEADER.replace("\n", " key=value\n")),
    null,
  ],
  ["BI6", "a footer that is not the digest", `${HEADER}/\n${HASH}\n`, "index_hash_mismatch"],
  ["BI7", "a body that was changed under its footer", WITH_BYTE, "index_hash_mismatch"],
  ["BI8", "bytes behind the footer", `${GOOD}x`, "index_bad_footer"],
  ["BI8", "two footers", `${GOOD}${GOOD.slice(-65)}`, "index_trailing_data"],
  ["BI8", "a footer without a line end", GOOD.slice(0, -1), "index_bad_footer"],
  ["BI8", "a footer in upper case", GOOD.slice(0, -65) + GOOD.slice(-65).toUpperCase(), "index_bad_footer"],
  [
    "BI9",
    "a line with more than its size says",
    root(`  a f 1 ${HASH}${" ".repeat(5_000)}\n`),
    "index_bad_hash_count",
  ],
  ...["18446744073709551615", "9223372036854775808", "-1", "+5", "007", ""].map(
    (size): Row => ["BI10", `a size of "${size}"`, root(`  a f ${size} ${HASH}\n`), "index_bad_size"],
  ),
  ["BI11", "one hash less", root(`  a f 32769 ${HASH}\n`), "index_bad_hash_count"],
  ["BI11", "one hash more", root(`  a f 32768 ${HASH} ${HASH}\n`), "index_bad_hash_count"],
  [
    "BI12",
    "sizes beyond 2^53 together",
    root(`  a f 1 ${HASH}\n  b f 9007199254740991\n`),
    "image_too_large",
  ],
  ...["/..", "/a/../b", "/a/.", "//a", "/a/"].map(
    (path): Row => ["BI13", `the directory ${path}`, sealed(`/\n${path}\n`), "index_bad_path"],
  ),
  ["BI13", "a relative directory", root("a\n"), "index_bad_line"],
  ...["..", ".", "", "a/b", "/a"].map(
    (name): Row => ["BI14", `the name "${name}"`, root(`  ${name} f 0\n`), "index_bad_name"],
  ),
  ["BI14", "an escaped slash", root("  a\\x2fb f 0\n"), "index_bad_escape"],
  ["BI14", "escaped dots", root("  \\x2e\\x2e f 0\n"), "index_bad_escape"],
  ["BI15", "a zero byte, escaped", root("  a\\x00 f 0\n"), "index_bad_name"],
  ["BI15", "a raw control byte", root("  a\u0007 f 0\n"), "index_bad_escape"],
  ["BI15", "a raw byte that is not ASCII", root("  a\u00e4 f 0\n"), "index_bad_escape"],
  ...["\\xZZ", "\\x4", "\\x0A", "\\x41", "\\", "\\y20"].map(
    (escape): Row => ["BI16", `the escape ${escape}`, root(`  a${escape} f 0\n`), "index_bad_escape"],
  ),
  ["BI17", "a name of 256 bytes", root(`  ${"a".repeat(256)} f 0\n`), "index_name_too_long"],
  [
    "BI17",
    "a path of 4,097 bytes",
    sealed(`/\n${`/${"a".repeat(240)}`.repeat(17)}\n`),
    "index_name_too_long",
  ],
  ["BI17", "a thousand levels", sealed(`/\n${"/a".repeat(1_000)}\n`), "index_too_deep"],
  ["BI18", "a file twice", root("  a f 0\n  a x 0\n"), "index_duplicate"],
  ["BI18", "a directory twice", sealed("/\n/a\n/a\n"), "index_duplicate"],
  ["BI18", "a file and a directory", sealed("/\n  a f 0\n/a\n"), "index_conflict"],
  ["BI18", "a file as a parent", sealed("/\n  a f 0\n/a/b\n"), "index_order"],
  ["BI19", "names that fold or normalise to one are two names to Linux", root("  A f 0\n  a f 0\n"), null],
  ["BI20", "directories out of order", sealed("/\n/b\n/a\n"), "index_order"],
  ["BI20", "names out of order", root("  b f 0\n  a f 0\n"), "index_order"],
  ["BI20", "a parent that comes later", sealed("/\n/a/b\n/a\n"), "index_order"],
  ["BI21", "another first directory", sealed("/a\n"), "index_bad_root"],
  ["BI21", "an entry first", sealed("  a f 0\n"), "index_bad_root"],
  [
    "BI22",
    "a link to the outside is an entry like any other (0.6.12 takes it)",
    root("  a s /etc/shadow\n"),
    null,
  ],
  ["BI22", "a link to nothing", root("  a s \n"), "index_bad_link"],
  ["BI22", "a target of 5,000 bytes", root(`  a s ${"x".repeat(5_000)}\n`), "index_bad_link"],
  ["BI22", "a target with a zero byte", root("  a s x\\x00\n"), "index_bad_link"],
  ["BI23", "a link, and a directory of its name", sealed("/\n  a s b\n/a\n"), "index_conflict"],
  ["BI24", "a file below a chain of links", sealed("/\n  a s b\n  b s ..\n/a\n  x f 0\n"), "index_conflict"],
  [
    "BI25",
    "names of ours stand for nothing inside of an image",
    root("  .ciruela f 0\n  .tmp.x f 0\n"),
    null,
  ],
  ...["d", "l", "F", "ff"].map(
    (type): Row => ["BI26", `the type ${type}`, root(`  a ${type} 0\n`), "index_bad_line"],
  ),
  ["BI26", "three spaces", root("   a f 0\n"), "index_bad_name"],
  ["BI26", "tabs", root("  a\tf\t0\n"), "index_bad_line"],
  ["BI26", "CRLF", root("  a f 0\r\n"), "index_bad_size"],
  ["BI27", "a hash in upper case", root(`  a f 1 ${HASH.toUpperCase()}\n`), "index_bad_hash"],
  ["BI27", "63 digits", root(`  a f 1 ${HASH.slice(1)}\n`), "index_bad_hash_count"],
  ["BI27", "65 digits", root(`  a f 1 ${HASH}a\n`), "index_bad_hash_count"],
  ["BI27", "a g", root(`  a f 1 ${HASH.replace("a", "g")}\n`), "index_bad_hash"],
];

test.each(ROWS)("%s %s", (_, __, text, code) => {
  const parsed = parseIndex(latin(text), { image: null }, digestBytes);
  expect(parsed.ok ? null : parsed.code).toBe(code);
});

test("what is refused leaves the disk as it was, and its code is told", () => {
  const world = simWorld("weak");
  plant(world, world.roots.source, { file: "1" });
  seal(world);
  const before = world.tree(world.roots.db);
  for (const [id, what, text, code] of ROWS) {
    if (code === null) continue;
    const image = (/([0-9a-f]{64})\n$/.exec(text)?.[1] ?? HASH) as ImageId;
    const result = run(world, { kind: "store_index", image, text: latin(text) });
    expect([id, what, result.ok ? "" : `${result.code} ${result.detail}`]).toEqual([
      id,
      what,
      expect.stringMatching(`^index_invalid ${code}`),
    ]);
  }
  expect(world.tree(world.roots.db)).toEqual(before);
});

test("BI9 a text above the bound is refused before it is read", () => {
  const none = () => {
    throw new Error("digested");
  };
  const text = new Uint8Array(INDEX_BYTES_MAX + 1);
  expect(parseIndex(text, { image: null }, none)).toMatchObject({ ok: false, code: "index_too_large" });
});

test("BI30 more files in one directory than there may be entries", () => {
  // A million is a real image of 0.6.12; the bound is twice that.
  const lines: string[] = [];
  for (let at = 0; at < ENTRIES_MAX; at++) lines.push(`  ${at.toString(36).padStart(5, "0")} f 0\n`);
  const footer = Uint8Array.from(Buffer.from(HASH, "hex"));
  const text = latin(`${HEADER}/\n${lines.join("")}${HASH}\n`);
  expect(parseIndex(text, { image: null }, () => footer)).toMatchObject({
    ok: false,
    code: "too_many_entries",
  });
});

test("BI28 the right index of another image is none of this one", () => {
  const other = parseIndex(latin(root("")), { image: digestOf("/\nx") as ImageId }, digestBytes);
  expect(other).toMatchObject({ ok: false, code: "index_hash_mismatch" });
});

/** What a disk may hold instead of an index. */
const BROKEN: readonly (readonly [what: string, breakIt: (text: Buffer) => Buffer])[] = [
  ["nothing", () => Buffer.alloc(0)],
  ["half of it", (text) => text.subarray(0, text.length >> 1)],
  ["one other bit", (text) => Buffer.from(text.map((byte, at) => (at === 60 ? byte ^ 1 : byte)))],
  ["another image's index", () => Buffer.from(GOOD)],
];
test.each(BROKEN)(
  "BI29 %s instead of an index on the own disk is set aside, and is fetched again",
  (_, breakIt) => {
    const world = simWorld("weak");
    plant(world, world.roots.source, { file: "1" });
    const { index, text: whole } = seal(world);
    done(world, "index", { kind: "store_index", image: index.image, text: whole });
    done(world, "index", { kind: "load_index", image: index.image });
    const name = indexNameIn(world.tree(world.roots.db));
    plant(world, world.roots.db, { [name]: breakIt(Buffer.from(whole)).toString("latin1") });
    expect(codeOf(run(world, { kind: "load_index", image: index.image }))).toBe("index_missing");
    const [dir, file] = [name.slice(0, name.lastIndexOf("/")), name.slice(name.lastIndexOf("/") + 1)];
    const kept = [...world.tree(world.roots.db).keys()].filter((each) => each.startsWith(`${dir}/.${file}`));
    expect(kept).toHaveLength(1);
    done(world, "index", { kind: "store_index", image: index.image, text: whole });
    done(world, "index", { kind: "load_index", image: index.image });
  },
);

function indexNameIn(tree: ReadonlyMap<string, string>): string {
  const name = [...tree.keys()].find((each) => each.endsWith(".ds1"));
  if (name === undefined) throw new Error(`no index among ${[...tree.keys()].join(" ")}`);
  return name;
}

test("the vectors of the specification are of the same mind", () => {
  const { cases } = JSON.parse(readFileSync("test/vectors/index-malformed.json", "utf8")) as {
    readonly cases: readonly { readonly text_latin1: string; readonly strict_parser: string }[];
  };
  for (const { text_latin1, strict_parser } of cases)
    expect(parseIndex(latin(text_latin1), { image: null }, digestBytes).ok).toBe(strict_parser === "accept");
});
