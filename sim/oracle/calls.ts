/** What storage programs do to files, call by call. */
import type { FsCall } from "../../kernel/storage/call.ts";
import { equalWords } from "../pieces.ts";
import type { Ledger } from "./ledger.ts";
import type { Site, Trees } from "./trees.ts";
import { Violation } from "./violation.ts";

export function judgeCall(ledger: Ledger, trees: Trees, site: Site, call: FsCall): void {
  switch (call.call) {
    case "write":
      judgeChange(trees, site, call);
      return judgeWrite(ledger, site, call);
    case "truncate":
    case "set_mode":
    case "set_times":
      return judgeChange(trees, site, call);
    default:
      return;
  }
}

/** What a path shows, or has shown, belongs to its readers, and through links to other images: it never changes. */
function judgeChange(
  trees: Trees,
  { host, disk, root }: Site,
  { call, handle }: Extract<FsCall, { call: "write" | "truncate" | "set_mode" | "set_times" }>,
): void {
  if (disk.rootOf(handle) !== root) return;
  const inode = disk.inodeOf(handle);
  if (inode === null || !trees.wasShown(host, inode)) return;
  // The image that it was linked from is deleted: only its new one has it, and gets the mode and times that it has.
  if ((call === "set_mode" || call === "set_times") && disk.linksOf(handle) === 1) return;
  throw new Violation("image_changed", `${host} calls ${call} on a file of an image that is or was visible`);
}

/** What arrived damaged must not get into an image, nor from there to others. */
function judgeWrite(
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
