/** What the rigs need, and the package of Debian that has it. Nothing is installed, and nothing is left out. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PACKAGES = {
  strace: "strace",
  "mkfs.ext4": "e2fsprogs",
  losetup: "mount",
  ip: "iproute2",
  nsenter: "util-linux",
  "/usr/bin/python3": "python3",
  cc: "gcc",
  "/usr/include/fuse3/fuse.h": "libfuse3-dev",
  gocryptfs: "gocryptfs",
  mkntfs: "ntfs-3g",
  "/dev/fuse": "fuse3",
} as const;
export type Tool = keyof typeof PACKAGES;

/** Throws with what is missing. */
export function expectNeeds(...tools: readonly Tool[]): void {
  const isThere = (tool: Tool) =>
    tool.startsWith("/") ? existsSync(tool) : spawnSync("which", [tool]).status === 0;
  const lacking = tools.filter((tool) => !isThere(tool));
  if (lacking.length > 0)
    throw new Error(`apt-get install ${lacking.map((tool) => PACKAGES[tool]).join(" ")}`);
  if (process.getuid?.() !== 0) throw new Error("only root may do this: run it as root");
}
