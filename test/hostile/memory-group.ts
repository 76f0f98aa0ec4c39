/** A process that may have so much memory and no more: the kernel of the machine ends it when it takes more. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of the two kinds of control groups: where groups are made, what limits one, what tells that it was exceeded. */
const KINDS = [
  { top: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", told: "memory.oom_control" },
  { top: "/sys/fs/cgroup", limit: "memory.max", told: "memory.events" },
] as const;
const KILLS = /^oom_kill (\d+)$/m;

export type MemoryGroup = {
  /** What a command is started under. */
  readonly under: readonly string[];
  /** How often something in it was ended for want of memory. */
  kills(): number;
  /** After its processes have ended. */
  end(): void;
};

/** Null where this machine has no such groups, or does not let us make one. */
export function memoryGroup(name: string, bytes: number): MemoryGroup | null {
  for (const { top, limit, told } of KINDS) {
    const folder = join(top, name);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (!existsSync(join(folder, limit))) {
      rmdirSync(folder);
      continue;
    }
    writeFileSync(join(folder, limit), String(bytes));
    return {
      under: ["sh", "-c", 'echo $$ > "$0" && exec "$@"', join(folder, "cgroup.procs")],
      kills: () => Number(KILLS.exec(readFileSync(join(folder, told), "utf8"))?.[1] ?? 0),
      end: () => rmdirSync(folder),
    };
  }
  return null;
}
