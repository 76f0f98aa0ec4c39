/** File systems that do not keep names as they are, mounted where a test wants them. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("foldfs.c", import.meta.url));
/** gocryptfs encrypts names to four thirds of their length, less than 256 of which the file system below takes. */
export const CRYPT_NAME_BYTES_MAX = 175;

export type Mounts = {
  /** Names that differ in case are one. */
  fold(at: string): void;
  /** Names are short, because they are encrypted. */
  crypt(at: string): void;
  /** NTFS, as Windows sees it. */
  ntfs(at: string): void;
  end(): void;
};

/** @param folder  where they keep what they are made of */
export function createMounts(folder: string): Mounts {
  const mounted: string[] = [];
  const below = (kind: string): string => {
    const made = join(folder, `${kind}-${mounted.length}`);
    mkdirSync(made, { recursive: true });
    return made;
  };
  const mount = (at: string, command: string, ...words: readonly string[]): void => {
    mkdirSync(at, { recursive: true });
    execFileSync(command, words, { stdio: "ignore" }); // what goes on in the background keeps a pipe open
    mounted.push(at);
  };
  return {
    fold(at) {
      const own = below("fold");
      const program = join(own, "foldfs");
      const flags = ["-Wall", "-Werror", "-D_FILE_OFFSET_BITS=64", "-I/usr/include/fuse3"];
      execFileSync("cc", [...flags, SOURCE, "-lfuse3", "-o", program], { stdio: "pipe" });
      mkdirSync(join(own, "below"));
      mount(at, program, join(own, "below"), at);
    },
    crypt(at) {
      const own = below("crypt");
      const secret = ["-q", "-extpass", "echo secret"];
      execFileSync("gocryptfs", ["-init", "-scryptn", "10", ...secret, own], { stdio: "pipe" });
      mount(at, "gocryptfs", "-longnames=false", "-nosyslog", ...secret, own, at);
    },
    ntfs(at) {
      const image = join(below("ntfs"), "image");
      execFileSync("truncate", ["-s", "32m", image]);
      execFileSync("mkntfs", ["-F", "-q", image], { stdio: "pipe" });
      mount(at, "lowntfs-3g", "-o", "ignore_case", image, at);
    },
    end() {
      for (const at of mounted.splice(0)) spawnSync("umount", ["-l", at]);
    },
  };
}
