/**
 * A keep list: images that stay whatever their age, one a line, as a path below their directory. A line that names none
 * is reported and skipped; a file that is not there protects nothing, so that nothing is removed while it is missing.
 *
 * Source: specification of the configuration, section 5.
 */
import { levelOf, parseVPath, type VPath } from "../../kernel/ids.ts";
import { type Problem, shown, wholeFile } from "./problem.ts";
import { readTextFile } from "./text-file.ts";

/** `paths` null: the file cannot be read. */
export type KeepList = { readonly key: string; readonly paths: readonly VPath[] | null };

export function readKeepList(
  file: string,
  key: string,
  numLevels: number,
): KeepList & { readonly problems: readonly Problem[] } {
  const read = readTextFile(file);
  if (read.kind === "read")
    return { key, ...parseKeepList(file, read.bytes.toString("utf8"), key, numLevels) };
  const [what, mend] =
    read.kind === "missing"
      ? ["no such file", "make it, empty if nothing is to be kept: nothing is removed without it"]
      : [read.what, read.mend];
  return { key, paths: null, problems: [wholeFile(file, what, mend)] };
}

export function parseKeepList(
  file: string,
  text: string,
  key: string,
  numLevels: number,
): { readonly paths: readonly VPath[]; readonly problems: readonly Problem[] } {
  const paths = new Set<VPath>();
  const problems: Problem[] = [];
  for (const [index, whole] of text
    .replace(/^\ufeff/, "")
    .split("\n")
    .entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const path = parseVPath(`/${key}/${line.replace(/^\/+/, "")}`);
    if (path !== null && levelOf(path) === numLevels) {
      paths.add(path);
      continue;
    }
    const parts = numLevels === 1 ? "one name" : `${numLevels} names with / between them`;
    problems.push({
      file,
      line: index + 1,
      col: whole.length - whole.trimStart().length + 1,
      what: `no image of ${key}: ${shown(line)}, line skipped`,
      mend: `write ${parts}`,
    });
  }
  return { paths: [...paths], problems };
}
