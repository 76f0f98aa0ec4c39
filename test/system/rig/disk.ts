/** A file system of its own in a file, that can lose its power. Needs root, losetup, mkfs.ext4 and python3. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Nothing is written back by itself for five minutes, so that a cut loses all that was not synced. */
const MOUNT_OPTIONS = "loop,commit=300,noatime";
const IMAGE_MEGABYTES = 24; // unless it is said otherwise
/** Debian's own: one that stands before it in PATH may be a script that is slow to begin. */
const PYTHON = "/usr/bin/python3";

/** What becomes of the journal when the power goes: see `cut.py`. */
export type Journal = "lost" | "written";

export type Disk = {
  /** Where it is mounted. */
  readonly root: string;
  /** From here on nothing reaches it; then it is mounted anew, as after a reboot. */
  cut(journal: Journal): void;
  /** Unmounted in order: what it has is in its file. */
  end(): void;
  /** Gone from its place at once, also while somebody reads it. */
  drop(): void;
};

export function runPython(script: string, ...args: readonly string[]): string {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync(PYTHON, ["-B", file, ...args], { encoding: "utf8" });
}

export function makeImage(file: string, megabytes = IMAGE_MEGABYTES): void {
  execFileSync("truncate", ["-s", `${megabytes}M`, file]);
  execFileSync("mkfs.ext4", ["-q", "-F", "-J", "size=4", file]);
}

/** Mounts a copy of an image. */
export function mountCopy(image: string, folder: string): Disk {
  const file = fileOf(folder);
  mkdirSync(folder, { recursive: true });
  copyFileSync(image, file);
  return mountImage(file, join(folder, "disk"));
}

/** The image that `mountCopy` works on. */
export function fileOf(folder: string): string {
  return join(folder, "disk.img");
}

export function mountImage(file: string, root: string): Disk {
  const mount = (): void => void execFileSync("mount", ["-o", MOUNT_OPTIONS, file, root]);
  mkdirSync(root, { recursive: true });
  mount();
  return {
    root,
    cut(journal) {
      runPython("cut.py", root, journal);
      execFileSync("umount", [root]);
      mount();
    },
    end() {
      execFileSync("umount", [root]);
      rmSync(root, { recursive: true });
    },
    drop() {
      execFileSync("umount", ["--lazy", root]);
    },
  };
}
