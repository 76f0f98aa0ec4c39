/** A file system of its own in a file, that can lose its power. Needs root, losetup, mkfs.ext4 and python3. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Nothing is written back by itself for five minutes, so that a cut loses all that was not synced. */
const MOUNT_OPTIONS = "loop,commit=300,noatime";
const IMAGE_MEGABYTES = 24;

/** What the rig needs, and the package of Debian that has it. */
const NEEDS = [
  ["strace", "strace"],
  ["mkfs.ext4", "e2fsprogs"],
  ["losetup", "mount"],
  ["python3", "python3"],
  ["pgrep", "procps"],
] as const;

/** Throws with what is missing: nothing is installed, and nothing is left out. */
export function expectNeeds(): void {
  const lacking = NEEDS.filter(([tool]) => spawnSync("which", [tool]).status !== 0).map(([, name]) => name);
  if (lacking.length > 0) throw new Error(`apt-get install ${lacking.join(" ")}`);
  if (process.getuid?.() !== 0) throw new Error("only root mounts a file system: run it as root");
}

const scriptOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export type Disk = {
  /** Where it is mounted. */
  readonly root: string;
  /** From here on nothing reaches it; then it is mounted anew, as after a reboot. */
  cut(): void;
  /** Unmounted in order: what it has is in its file. */
  end(): void;
};

export function makeImage(file: string): void {
  execFileSync("truncate", ["-s", `${IMAGE_MEGABYTES}M`, file]);
  execFileSync("mkfs.ext4", ["-q", "-F", "-J", "size=4", file]);
}

/** Mounts a copy of an image. */
export function mountCopy(image: string, folder: string): Disk {
  const file = join(folder, "disk.img");
  const root = join(folder, "disk");
  mkdirSync(root, { recursive: true });
  copyFileSync(image, file);
  return mountImage(file, root);
}

export function mountImage(file: string, root: string): Disk {
  const mount = (): void => void execFileSync("mount", ["-o", MOUNT_OPTIONS, file, root]);
  mkdirSync(root, { recursive: true });
  mount();
  return {
    root,
    cut() {
      execFileSync("python3", [scriptOf("cut.py"), root]);
      execFileSync("umount", [root]);
      mount();
    },
    end() {
      execFileSync("umount", [root]);
      rmSync(root, { recursive: true });
    },
  };
}

/** What `check.py` says. */
export type Seen = {
  readonly paths: Readonly<Record<string, SeenPath>>;
  /** What is not what its name says. */
  readonly wrong: readonly string[];
  readonly left: readonly string[];
};
export type SeenPath = {
  readonly state: string | null;
  readonly intent: string | null;
  readonly floor: readonly [timestamp: number, image: string] | null;
  /** The image id that follows from the tree at the path. */
  readonly tree: string | null;
};

export function check(root: string): Seen {
  const args = [scriptOf("check.py"), join(root, "db"), join(root, "site"), "site"];
  return JSON.parse(execFileSync("python3", args, { encoding: "utf8" })) as Seen;
}
