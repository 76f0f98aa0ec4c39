/**
 * The strict parser of `DIRSIGNATURE.v1`. It accepts what the scanner writes (and extra header keys), and refuses the
 * rest with a stable code, because an index comes from the network: first the digest of the body against the footer
 * and the wanted id, and only then the entries.
 *
 * Source: specification of the index format, section 9.
 */
import type { ImageId } from "../ids.ts";
import { type Result, accepted, refused } from "../result.ts";
import { type ByteString, byteString, toHex } from "../text.ts";
import {
  type IndexBuilder,
  addDirectory,
  addFile,
  addLink,
  blocksOf,
  build,
  createBuilder,
} from "./builder.ts";
import { hexDigit, unescapeBytes } from "./escape.ts";
import {
  DEPTH_MAX,
  ENTRIES_MAX,
  FILE_BYTES_MAX,
  INDEX_BYTES_MAX,
  NAME_BYTES_MAX,
  PATH_BYTES_MAX,
  TARGET_BYTES_MAX,
} from "./limits.ts";
import { BLOCK_BYTES, type HashName, type PackedIndex } from "./packed.ts";

export type IndexRefusal =
  | "index_truncated"
  | "index_too_large"
  | "index_bad_header"
  | "unsupported_hash"
  | "index_bad_block_size"
  | "index_bad_footer"
  | "index_trailing_data" // a footer in front of the footer
  | "index_hash_mismatch"
  | "index_bad_root"
  | "index_bad_line"
  | "index_bad_path"
  | "index_bad_name"
  | "index_bad_escape"
  | "index_name_too_long"
  | "index_too_deep"
  | "index_order" // directories or names not in increasing order, or a parent missing
  | "index_duplicate"
  | "index_conflict" // one name is an entry and a directory
  | "index_bad_size"
  | "index_bad_hash_count"
  | "index_bad_hash"
  | "index_bad_link"
  | "image_too_large"
  | "too_many_entries";

/** 32-byte digest of bytes by the named algorithm. */
export type DigestBytes = (hashName: HashName, bytes: Uint8Array) => Uint8Array;

export type Wanted = {
  /** The id that was asked for, or null when any will do (a tool that opens a file). */
  readonly image: ImageId | null;
  /** Any block size, where nothing is to be transferred. */
  readonly anyBlockBytes?: boolean;
};

type Parsed<T> = Result<T, IndexRefusal>;

const LF = 0x0a;
const SPACE = 0x20;
const SLASH = 0x2f;
const HEADER_BYTES_MAX = 4096; // the scanner writes 45; extra keys are allowed
const FOOTER_BYTES = 65; // 64 digits and a line end
const HEADER = /^DIRSIGNATURE\.v1 (\S+) block_size=(\S*)((?: [^\s=]+=\S*)*)$/;
const BLOCK_SIZE = /^[1-9][0-9]{0,15}$/;
const SIZE = /^(0|[1-9][0-9]{0,15})$/; // 2^53 has 16 digits

export function parseIndex(text: Uint8Array, want: Wanted, digest: DigestBytes): Parsed<PackedIndex> {
  if (text.length > INDEX_BYTES_MAX) return refused("index_too_large", `${text.length} bytes`);
  if (text.length <= FOOTER_BYTES) return refused("index_truncated");
  const header = parseHeader(text, want.anyBlockBytes ?? false);
  if (!header.ok) return header;
  const { start, hashName, blockBytes } = header.value;
  const end = text.length - FOOTER_BYTES;
  if (end < start) return refused("index_truncated");
  const footer = parseFooter(text.subarray(end), text[end - 1]);
  if (!footer.ok) return footer;
  const before = end - FOOTER_BYTES;
  if (before >= start && parseFooter(text.subarray(before, end), text[before - 1]).ok)
    return refused("index_trailing_data");
  const body = text.subarray(start, end);
  const actual = toHex(digest(hashName, body));
  if (actual !== footer.value || (want.image !== null && actual !== want.image)) {
    return refused("index_hash_mismatch", `body ${actual}, footer ${footer.value}`);
  }
  const builder = createBuilder(hashName, blockBytes);
  const entries = parseBody(body, builder);
  if (!entries.ok) return entries;
  return accepted({ ...build(builder), image: footer.value, textBytes: text.length });
}

type Header = { readonly start: number; readonly hashName: HashName; readonly blockBytes: number };

function parseHeader(text: Uint8Array, anyBlockBytes: boolean): Parsed<Header> {
  const end = text.subarray(0, HEADER_BYTES_MAX).indexOf(LF);
  if (end < 0) return refused(text.length < HEADER_BYTES_MAX ? "index_truncated" : "index_bad_header");
  const line = byteString(text.subarray(0, end));
  const match = /^[\x20-\x7e]*$/.test(line) ? HEADER.exec(line) : null;
  if (match === null) return refused("index_bad_header");
  const hashName = match[1];
  if (hashName !== "blake2b/256" && hashName !== "sha512/256") {
    return refused("unsupported_hash", hashName?.slice(0, 64));
  }
  const digits = match[2] ?? "";
  const blockBytes = BLOCK_SIZE.test(digits) ? Number(digits) : 0;
  if (blockBytes < 1 || (blockBytes !== BLOCK_BYTES && !anyBlockBytes)) {
    return refused("index_bad_block_size", digits.slice(0, 64));
  }
  return accepted({ start: end + 1, hashName, blockBytes });
}

function parseFooter(footer: Uint8Array, before: number | undefined): Parsed<ImageId> {
  if (before !== LF || footer[64] !== LF) return refused("index_bad_footer");
  for (let at = 0; at < 64; at++) if (hexDigit(footer[at]) < 0) return refused("index_bad_footer");
  return accepted(byteString(footer.subarray(0, 64)) as string as ImageId);
}

/** Where the parser stands: the directory whose entries follow, and the last entry in it. */
type Cursor = {
  /** Components of the current directory; empty for the root. */
  directory: readonly ByteString[];
  /** Its path with a final slash. */
  prefix: ByteString;
  lastName: ByteString | null;
  /** Names of files and links of every directory on the way to this one, outermost first. */
  entries: Set<ByteString>[];
};

function parseBody(body: Uint8Array, builder: IndexBuilder): Parsed<true> {
  if (body[0] !== SLASH || body[1] !== LF) return refused("index_bad_root");
  addDirectory(builder, "/" as ByteString);
  const cursor: Cursor = { directory: [], prefix: "/" as ByteString, lastName: null, entries: [new Set()] };
  for (let at = 2; at < body.length; ) {
    const end = body.indexOf(LF, at);
    if (end < 0) return refused("index_bad_line");
    const line = body.subarray(at, end);
    const parsed =
      line[0] === SLASH ? parseDirectory(line, cursor, builder) : parseEntry(line, cursor, builder);
    if (!parsed.ok) return refused(parsed.code, `${parsed.detail} at byte ${at} of the body`);
    if (builder.entryCount > ENTRIES_MAX) return refused("too_many_entries");
    at = end + 1;
  }
  return accepted(true);
}

function parseDirectory(line: Uint8Array, cursor: Cursor, builder: IndexBuilder): Parsed<true> {
  const path = unescapeBytes(line);
  if (path === null) return refused(line.includes(SPACE) ? "index_bad_path" : "index_bad_escape");
  if (path.length > PATH_BYTES_MAX) return refused("index_name_too_long");
  const parts = path.slice(1).split("/") as ByteString[];
  if (parts.length > DEPTH_MAX) return refused("index_too_deep");
  for (const part of parts) {
    const name = checkName(part);
    if (!name.ok) return name.code === "index_bad_name" ? refused("index_bad_path") : name;
  }
  // Depth first: a new directory is a child of one on the way to the last one, and comes after its sibling there.
  const parent = parts.length - 1;
  if (parent > cursor.directory.length) return refused("index_order");
  for (let at = 0; at < parent; at++) if (parts[at] !== cursor.directory[at]) return refused("index_order");
  const sibling = cursor.directory[parent];
  const own = parts[parent];
  if (own === undefined || (sibling !== undefined && own <= sibling)) {
    return refused(own === sibling ? "index_duplicate" : "index_order");
  }
  if (cursor.entries[parent]?.has(own)) return refused("index_conflict");
  cursor.directory = parts;
  cursor.prefix = `${path}/` as ByteString;
  cursor.lastName = null;
  cursor.entries.length = parent + 1;
  cursor.entries.push(new Set());
  addDirectory(builder, path);
  return accepted(true);
}

function parseEntry(line: Uint8Array, cursor: Cursor, builder: IndexBuilder): Parsed<true> {
  if (line[0] !== SPACE || line[1] !== SPACE) return refused("index_bad_line");
  const nameEnd = line.indexOf(SPACE, 2);
  if (nameEnd < 0 || line[nameEnd + 2] !== SPACE) return refused("index_bad_line");
  const name = unescapeBytes(line.subarray(2, nameEnd));
  if (name === null) return refused("index_bad_escape");
  const checked = checkName(name);
  if (!checked.ok) return checked;
  if (name === cursor.lastName) return refused("index_duplicate");
  if (cursor.lastName !== null && name < cursor.lastName) return refused("index_order");
  const path = (cursor.prefix + name) as ByteString;
  if (path.length > PATH_BYTES_MAX) return refused("index_name_too_long");
  cursor.lastName = name;
  cursor.entries.at(-1)?.add(name);
  const rest = line.subarray(nameEnd + 3);
  switch (line[nameEnd + 1]) {
    case 0x66: // f
      return parseFile(rest, path, false, builder);
    case 0x78: // x
      return parseFile(rest, path, true, builder);
    case 0x73: // s
      return parseLink(rest, path, builder);
    default:
      return refused("index_bad_line");
  }
}

function checkName(name: ByteString): Parsed<true> {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
    return refused("index_bad_name");
  }
  return name.length > NAME_BYTES_MAX ? refused("index_name_too_long") : accepted(true);
}

function parseFile(
  rest: Uint8Array,
  path: ByteString,
  executable: boolean,
  builder: IndexBuilder,
): Parsed<true> {
  const found = rest.indexOf(SPACE);
  const sizeEnd = found < 0 ? rest.length : found;
  const digits = byteString(rest.subarray(0, Math.min(sizeEnd, 32)));
  if (!SIZE.test(digits)) return refused("index_bad_size");
  const size = Number(digits);
  if (size > FILE_BYTES_MAX || builder.totalBytes + size > FILE_BYTES_MAX) return refused("image_too_large");
  const blocks = blocksOf(size, builder.blockBytes);
  const hashes = rest.subarray(sizeEnd);
  // The count is compared before anything is reserved for it.
  if (hashes.length !== blocks * FOOTER_BYTES) return refused("index_bad_hash_count");
  const first = addFile(builder, path, executable, size);
  for (let block = 0; block < blocks; block++) {
    if (!readHash(hashes, block * FOOTER_BYTES, builder.hashes, (first + block) * 32))
      return refused("index_bad_hash");
  }
  return accepted(true);
}

/** One space and 64 digits into 32 bytes. */
function readHash(from: Uint8Array, at: number, into: Uint8Array, start: number): boolean {
  if (from[at] !== SPACE) return false;
  for (let byte = 0; byte < 32; byte++) {
    const high = hexDigit(from[at + 1 + byte * 2]);
    const low = hexDigit(from[at + 2 + byte * 2]);
    if (high < 0 || low < 0) return false;
    into[start + byte] = high * 16 + low;
  }
  return true;
}

function parseLink(rest: Uint8Array, path: ByteString, builder: IndexBuilder): Parsed<true> {
  const target = unescapeBytes(rest);
  if (target === null) return refused("index_bad_escape");
  if (target === "" || target.length > TARGET_BYTES_MAX || target.includes("\0"))
    return refused("index_bad_link");
  addLink(builder, path, target);
  return accepted(true);
}
