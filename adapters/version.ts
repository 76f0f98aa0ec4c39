/** The version in `package.json`, from the sources and from `dist/` alike. */
import { existsSync, readFileSync } from "node:fs";

export function readVersion(): string {
  const near = new URL("../package.json", import.meta.url);
  const file = existsSync(near) ? near : new URL("../../package.json", import.meta.url);
  const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  return typeof version === "string" ? version : "";
}
