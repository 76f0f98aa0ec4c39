/**
 * `SRC:DEST[:OLD_ID]`. The source may contain colons: the destination begins at the last `:/`. A destination that a
 * server of 0.6.12 would choke on (no level, `..`, a final slash) is refused here, with the argument and a right one.
 */
import { type ImageId, type VPath, levelOf, nameOf, parseImageId, parseVPath } from "../../kernel/ids.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { UploadJob, UploadMode } from "../../kernel/uploader.ts";
import { quoted } from "./text.ts";

export const FLAG_OF: Readonly<Record<UploadMode, string>> = {
  append: "--append",
  append_weak: "--append-weak",
  replace: "--replace",
};

const OLD_ID = /:([0-9A-Fa-f]{64})$/;
const NAME_BYTES_MAX = 216; // a name of 255 bytes less what servers put around it

export function parseUploadArgument(mode: UploadMode, text: string): Result<UploadJob, "destination"> {
  const wrong = (what: string, right: string) =>
    refused("destination", `${FLAG_OF[mode]} ${quoted(text)}: ${what}; write it as in ${right}`);
  const example = `${FLAG_OF[mode]} ./build:/site/current`;
  const id = OLD_ID.exec(text);
  if (id !== null && mode !== "replace") return wrong("an image id goes with --replace only", example);
  const pair = id === null ? text : text.slice(0, id.index);
  const at = pair.lastIndexOf(":/");
  if (at < 0) return wrong("no destination, which begins with :/", example);
  const source = pair.slice(0, at);
  const destination = pair.slice(at + 1);
  if (source === "") return wrong("no source directory before the colon", example);
  if (source.includes("\0")) return wrong("a NUL in the source directory", example);
  if (destination.includes(":")) {
    const image = `--replace ./build:/site/current:${"0123456789abcdef".repeat(4)}`;
    return mode === "replace"
      ? wrong(`${quoted(destination.slice(destination.indexOf(":") + 1))} is no image id`, image)
      : wrong("a colon in the destination", example);
  }
  const path = parseDestination(destination);
  if (!path.ok) return wrong(path.detail, `${FLAG_OF[mode]} ${plain(source)}:${path.code}`);
  return accepted({
    source: source as RootName,
    path: path.value,
    mode,
    oldImage: id === null ? null : imageOf(id[1] ?? ""),
  });
}

function imageOf(hex: string): ImageId | null {
  return parseImageId(hex.toLowerCase());
}

/** A short source as it was given, so that the advice can be copied. */
function plain(source: string): string {
  return /^[A-Za-z0-9._/-]{1,80}$/.test(source) ? source : "./build";
}

/** A refusal's code is here a right destination. */
export function parseDestination(text: string): Result<VPath, string> {
  const quote = quoted(text);
  const parts = text.split("/").filter((part) => part !== "");
  const tidy = parts.length >= 2 ? `/${parts.join("/")}` : "/site/current";
  const mended = parseVPath(tidy) !== null && !tidy.includes("\\") ? quotedIfOdd(tidy) : "/site/current";
  if (parts.includes("..") || parts.includes("."))
    return refused("/site/current", `the destination ${quote} has a part "." or ".."`);
  if (text === "/" || parts.length === 0)
    return refused("/site/current", `the destination ${quote} names no directory`);
  if (parts.length === 1) {
    const [key = ""] = parts;
    const right = /^[A-Za-z0-9._-]+$/.test(key) ? `/${key}/current` : "/site/current";
    return refused(right, `the destination ${quote} has one part and needs at least two`);
  }
  if (text.endsWith("/")) return refused(mended, `the destination ${quote} ends with a slash`);
  if (text.includes("//")) return refused(mended, `the destination ${quote} has an empty part`);
  const path = parseVPath(text);
  if (path === null) return refused("/site/current", `${quote} is no destination`);
  if (levelOf(path) < 1) return refused("/site/current", `the destination ${quote} has no level`);
  const reserved = reservedName(path);
  return reserved === null ? accepted(path) : refused("/site/current", reserved);
}

function quotedIfOdd(path: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(path) ? path : "/site/current";
}

/**
 * What servers keep for themselves: the rule of `kernel/path-rules.ts`, which the client applies before it asks
 * servers of 0.6.12 that have no such rule. One table of the tests holds the two together.
 */
export function reservedName(path: VPath): string | null {
  const name = nameOf(path);
  if (name.startsWith(".")) return `the name ${quoted(name)} starts with a dot`;
  if (/\.(new|state|backup|floor)$/.test(name)) return `the name ${quoted(name)} ends like a state file`;
  const long = path.split("/").find((part) => Buffer.byteLength(part) > NAME_BYTES_MAX);
  return long === undefined ? null : `a part of the destination is longer than ${NAME_BYTES_MAX} bytes`;
}
