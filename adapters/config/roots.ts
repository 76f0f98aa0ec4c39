/** Directories that cannot be used now. A server waits for them, since a disk may be mounted later. */
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import type { Folder } from "./folder.ts";
import { type Problem, shown, wholeFile } from "./problem.ts";
import { errnoOf } from "./text-file.ts";

/** @param path  the configuration folder */
export function rootWarnings(path: string, { directories }: Pick<Folder, "directories">): readonly Problem[] {
  return directories.flatMap(({ key, root }) => {
    const what = rootTrouble(root);
    if (what === null) return [];
    return [wholeFile(join(path, "configs", `${key}.yaml`), `directory ${shown(root)}: ${what[0]}`, what[1])];
  });
}

function rootTrouble(root: string): readonly [what: string, mend: string] | null {
  try {
    if (!statSync(root).isDirectory()) return ["not a folder", "name a folder"];
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return ["no such folder", "make it: it is used as soon as it is there"];
    return [`cannot be used (${code})`, "let the user of this program read and write it"];
  }
}
