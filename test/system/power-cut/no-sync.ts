import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Compiles the library that makes syncs do nothing; where it is. */
export function buildNoSync(folder: string): string {
  const library = join(folder, "no-sync.so");
  const source = fileURLToPath(new URL("no-sync.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source]);
  return library;
}
