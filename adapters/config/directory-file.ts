/**
 * One `configs/NAME.yaml`. 0.6.12 reads it with quire: all scalars are text until an option converts them, so `yes`
 * is no boolean and `"2"` is a number. Values are visited through the document's nodes, which know their places; an
 * alias costs one step and is never expanded.
 */
import { resolve } from "node:path";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import { type DirectoryConfig, directoryConfig } from "../../kernel/config.ts";
import { type Result, refused } from "../../kernel/result.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { utf8Decode } from "../../kernel/text.ts";
import { parseDuration } from "./duration.ts";
import { brief, type Problem, shown, wholeFile } from "./problem.ts";
import { parseSize } from "./size.ts";

/** A name in `upload-keys`, with its place: whether there is such a key is seen by the folder. */
export type KeyName = { readonly name: string; readonly line: number; readonly col: number };

export type DirectoryFile =
  | { readonly ok: true; readonly directory: DirectoryConfig; readonly keyNames: readonly KeyName[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const OPTIONS = [
  "directory",
  "append-only",
  "num-levels",
  "upload-keys",
  "download-keys",
  "auto-clean",
  "keep-list-file",
  "keep-min-directories",
  "keep-max-directories",
  "keep-recent",
] as const;
type Option = (typeof OPTIONS)[number];
const KNOWN: ReadonlyMap<string, Option> = new Map(
  OPTIONS.flatMap((option) => [
    [option, option],
    [option.replaceAll("-", "_"), option],
  ]),
);

const REQUIRED = ["directory", "append-only", "num-levels"] as const;
const EXAMPLES = { directory: "/srv/images", "append-only": "true", "num-levels": "1" } as const;
const PLAIN_TAG = /^tag:yaml\.org,2002:(str|seq|map)$|^!$/;
const LINE_FEED = 0x0a;
const LEVELS_MAX = 16;
const COUNT_MAX = 2 ** 32 - 1; // more than any directory holds
const KEEP_MIN = 2; // the defaults of 0.6.12
const KEEP_MAX = 100;
const KEEP_RECENT_MS = 2 * 24 * 3_600_000;
/** Some three hundred times a usual one: the YAML library takes up to a second for so much. */
const DIRECTORY_FILE_BYTES_MAX = 64 * 1024;
const PROBLEMS_MAX = 100; // of one file; a binary file has thousands
const DISTANCE_MAX = 3; // letters between an unknown option and the one that was meant

/** @param key  the name of the file without `.yaml` */
export function parseDirectoryFile(file: string, key: string, bytes: Uint8Array): DirectoryFile {
  if (bytes.length > DIRECTORY_FILE_BYTES_MAX) {
    const what = `larger than ${DIRECTORY_FILE_BYTES_MAX} bytes`;
    return { ok: false, problems: [wholeFile(file, what, "make it shorter")] };
  }
  const text = textOf(file, bytes);
  if (typeof text !== "string") return { ok: false, problems: [text] };
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    version: "1.2",
    strict: true,
    uniqueKeys: false, // judged here, where both places can be named
    prettyErrors: false,
    logLevel: "silent",
    lineCounter: lines,
  });
  const problems: Problem[] = [];
  const placeOf: Places = (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), col: Math.max(col, 1) };
  };
  const report: Report = (offset, what, mend) => problems.push({ file, ...placeOf(offset), what, mend });

  const [first, second] = documents;
  for (const { errors } of documents) {
    for (const error of errors) {
      const deep = error.message.includes("call stack");
      const what = deep ? "nested too deeply" : brief(error.message);
      report(
        error.pos[0],
        what,
        deep ? "write NAME: VALUE" : (MENDS.get(error.code) ?? "mend the YAML here"),
      );
    }
  }
  if (second !== undefined && problems.length === 0) {
    report(second.range[0], "a second document", "keep one mapping in each file");
  }
  const values = problems.length > 0 ? null : readValues(first ?? null, placeOf, report);
  const found = values === null ? null : readDirectory(key, values, placeOf, report);
  if (found === null || problems.length > 0) return { ok: false, problems: problems.slice(0, PROBLEMS_MAX) };
  return { ok: true, ...found };
}

type Report = (offset: number, what: string, mend: string) => void;
type Places = (offset: number) => { readonly line: number; readonly col: number };
/** A value as it is used: what an alias stands for, at the place of the alias. */
type Value = { readonly node: Node | null; readonly offset: number };
type Values = ReadonlyMap<
  Option,
  Value & { readonly keyOffset: number; readonly itemsOf: () => readonly Value[] }
>;

const MENDS: ReadonlyMap<string, string> = new Map([
  ["TAB_AS_INDENT", "indent with spaces"],
  ["BLOCK_AS_IMPLICIT_KEY", "put a value that contains a colon and a space in quotes"],
  ["MISSING_CHAR", "write what is missing"],
]);

/** The options of the mapping, or null when there is none. */
function readValues(document: Document.Parsed | null, placeOf: Places, report: Report): Values | null {
  const values = new Map<Option, Value & { keyOffset: number; itemsOf: () => readonly Value[] }>();
  const top = document?.contents ?? null;
  if (document === null || top === null || (isScalar(top) && top.value === "")) return values;
  const follow = (node: Node | null): Value => {
    const offset = node?.range?.[0] ?? 0;
    const target = isAlias(node) ? (node.resolve(document) ?? null) : node;
    if (target === null && node !== null) report(offset, "an alias to nothing", "write the value here");
    if (target?.tag !== undefined && !PLAIN_TAG.test(target.tag)) {
      report(offset, `the tag ${shown(target.tag)}`, "write the value without a tag");
    }
    return { node: target, offset };
  };
  if (!isMap(follow(top).node)) {
    report(top.range[0], "not a mapping", 'write lines such as "directory: /srv/images"');
    return null;
  }
  const seen = new Map<string, number>();
  for (const { key, value } of (top as YAMLMap<Node, Node | null>).items) {
    const keyOffset = key.range?.[0] ?? 0;
    const name = isScalar(key) && typeof key.value === "string" ? key.value : null;
    if (name === null) {
      report(keyOffset, "the name of an option is not plain text", "write NAME: VALUE");
      continue;
    }
    const before = seen.get(name);
    if (before !== undefined) {
      report(keyOffset, `${shown(name)} is already on line ${placeOf(before).line}`, "keep one of the two");
      continue;
    }
    seen.set(name, keyOffset);
    if (name.startsWith("_")) continue; // room for notes, as in 0.6.12
    const option = KNOWN.get(name);
    if (option === undefined) {
      report(keyOffset, `unknown option ${shown(name)}`, adviceFor(name));
      continue;
    }
    if (name.includes("-") && values.has(option)) continue; // of two spellings, the one with `_` wins
    const { node, offset } = follow(value);
    const itemsOf = (): readonly Value[] =>
      isSeq(node) ? node.items.map((item) => follow(item as Node)) : [];
    values.set(option, { node, offset, keyOffset, itemsOf });
  }
  return values;
}

function readDirectory(
  key: string,
  values: Values,
  placeOf: Places,
  report: Report,
): { readonly directory: DirectoryConfig; readonly keyNames: readonly KeyName[] } | null {
  for (const option of REQUIRED) {
    if (!values.has(option)) report(0, `${option} is missing`, `add a line "${option}: ${EXAMPLES[option]}"`);
  }
  const textAt = (option: Option): { readonly text: string; readonly offset: number } | null => {
    const value = values.get(option);
    if (value === undefined) return null;
    const { node, offset, keyOffset } = value;
    const text = isScalar(node) && typeof node.value === "string" ? node.value : null;
    if (text === null) report(offset, `${option} is not a single value`, `write ${option}: VALUE`);
    else if (text === "") report(keyOffset, `${option} is empty`, "write a value after the colon");
    else if (text.includes("\0")) report(offset, `${option} is ${shown(text)}`, "leave out the zero byte");
    else return { text, offset };
    return null;
  };
  const bool = (option: Option): boolean | null => {
    const value = textAt(option);
    if (value?.text === "true" || value?.text === "false") return value.text === "true";
    if (value !== null) report(value.offset, `${option} is ${shown(value.text)}`, "write true or false");
    return null;
  };
  const number = (option: Option, parse: (text: string) => Result<number, string>): number | null => {
    const value = textAt(option);
    if (value === null) return null;
    const parsed = parse(value.text);
    if (parsed.ok) return parsed.value;
    report(value.offset, `${option} is ${shown(value.text)}`, parsed.detail);
    return null;
  };

  const root = textAt("directory");
  const appendOnly = bool("append-only");
  const numLevels = number("num-levels", parseLevels);
  const autoClean = bool("auto-clean") ?? false;
  const keepListFile = textAt("keep-list-file");
  const keepMin = number("keep-min-directories", parseCount) ?? KEEP_MIN;
  const keepMax = number("keep-max-directories", parseCount) ?? KEEP_MAX;
  const keepRecentMs = number("keep-recent", parseDuration) ?? KEEP_RECENT_MS;
  const keyNames = readNames("upload-keys", values, report);
  readNames("download-keys", values, report); // judged for its form, and never used, as in 0.6.12
  if (keepMin > keepMax) {
    const place = values.get("keep-min-directories") ?? values.get("keep-max-directories");
    const what = `keep-min-directories (${keepMin}) is above keep-max-directories (${keepMax})`;
    report(place?.offset ?? 0, what, "lower the one or raise the other");
  }
  for (const { text, offset } of keyNames) {
    if (!isFileName(text))
      report(offset, `${shown(text)} is no name of a key`, "name a file of keys/ without .key");
  }
  if (root === null || appendOnly === null || numLevels === null) return null;
  const directory = directoryConfig({
    key,
    root: resolve(root.text) as RootName,
    appendOnly,
    numLevels,
    uploadKeys: [...new Set(keyNames.map(({ text }) => text))],
    autoClean,
    keepListFile: keepListFile === null ? null : resolve(keepListFile.text),
    keepMin,
    keepMax,
    keepRecentMs,
  });
  return { directory, keyNames: keyNames.map(({ text, offset }) => ({ name: text, ...placeOf(offset) })) };
}

/** Names in a list; an option without a value is an empty list. */
function readNames(
  option: Option,
  values: Values,
  report: Report,
): readonly { readonly text: string; readonly offset: number }[] {
  const value = values.get(option);
  if (value === undefined || (isScalar(value.node) && value.node.value === "")) return [];
  if (!isSeq(value.node)) {
    report(value.offset, `${option} is not a list`, `write ${option}: [NAME, NAME]`);
    return [];
  }
  const names: { text: string; offset: number }[] = [];
  for (const { node, offset } of value.itemsOf()) {
    if (isScalar(node) && typeof node.value === "string") names.push({ text: node.value, offset });
    else report(offset, `an entry of ${option} is not a name`, "write one name");
  }
  return names;
}

function parseLevels(text: string): Result<number, "bad_levels" | "bad_integer"> {
  const size = parseSize(text);
  const mend = `write a number from 1 to ${LEVELS_MAX}`;
  if (!size.ok || (size.value >= 1 && size.value <= LEVELS_MAX)) return size;
  const never = "; 0 is in the documentation of 0.6.12 and never worked";
  return refused("bad_levels", size.value === 0 ? mend + never : mend);
}

function parseCount(text: string): Result<number, "bad_count" | "bad_integer"> {
  const size = parseSize(text);
  if (!size.ok || (size.value >= 1 && size.value <= COUNT_MAX)) return size;
  return refused("bad_count", `write a number from 1 to ${COUNT_MAX}`);
}

/** One component of a path, so that it stays inside of `keys/`. */
function isFileName(text: string): boolean {
  return text !== "" && text !== "." && text !== ".." && !/[/\0]/.test(text);
}

function adviceFor(name: string): string {
  const plain = name.replaceAll("_", "-");
  const near = OPTIONS.map((option) => ({ option, distance: distanceOf(plain, option) }))
    .filter(({ distance }) => distance <= DISTANCE_MAX)
    .sort((a, b) => a.distance - b.distance)[0];
  if (near === undefined) return "remove it, or put _ in front of a note of your own";
  return `did you mean ${near.option}?`;
}

/** Letters to insert, remove or change; names much longer than every option are just far away. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > DISTANCE_MAX) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const change = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The text of a file, or what is wrong with its bytes. */
function textOf(file: string, bytes: Uint8Array): string | Problem {
  if (bytes[0] === 0xff || bytes[0] === 0xfe || bytes[0] === 0 || bytes[1] === 0) {
    return wholeFile(file, "not UTF-8 (UTF-16 or binary)", "save it as UTF-8");
  }
  const text = utf8Decode(bytes);
  if (text !== null) return text;
  for (let start = 0, line = 1; ; line++) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found < 0 ? bytes.length : found;
    if (utf8Decode(bytes.subarray(start, end)) === null) {
      return { file, line, col: 1, what: "a line that is not UTF-8", mend: "save the file as UTF-8" };
    }
    start = end + 1;
  }
}
