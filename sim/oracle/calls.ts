/** What storage programs do to files, call by call. */
import type { FsCall } from "../../kernel/storage/call.ts";
import { equalWords } from "../pieces.ts";
import type { Ledger } from "./ledger.ts";
import type { Site } from "./trees.ts";
import { Violation } from "./violation.ts";

/** After a write: what arrived damaged must not get into an image, nor from there to others. */
export function judgeWrite(
  ledger: Ledger,
  { host, disk, root }: Site,
  { handle, offset, bytes }: Extract<FsCall, { call: "write" }>,
): void {
  if (disk.rootOf(handle) !== root || bytes.length === 0) return;
  for (const { content } of ledger.uploads.values()) {
    for (const entry of content.values()) {
      if (entry.kind !== "file") continue;
      if (entry.bytes[offset] !== bytes[0]) continue;
      if (equalWords(entry.bytes.subarray(offset, offset + bytes.length), bytes)) return;
    }
  }
  throw new Violation("wrong_bytes", `${host} wrote ${bytes.length} bytes at ${offset} of no uploaded file`);
}
