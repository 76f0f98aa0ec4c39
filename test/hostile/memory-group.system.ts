/** The bound of `victims.ts` holds: who takes more memory than its group has is ended. Needs a memory cgroup, and root. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { memoryGroup } from "./memory-group.ts";

const MIB = 1024 * 1024;

test("who takes more than its group may have is ended, and counted", () => {
  const group = memoryGroup(`ciruela-${process.pid}`, 64 * MIB);
  if (group === null) throw new Error("no memory cgroup here: the bound is that of resident sizes alone");
  const run = (mib: number) => {
    const [command = "", ...words] = group.under;
    const script = `Buffer.alloc(${mib} * 1024 * 1024, 1); console.log("done")`;
    return spawnSync(command, [...words, process.execPath, "-e", script], { encoding: "utf8" });
  };
  expect([run(1).stdout, group.kills()]).toEqual(["done\n", 0]);
  expect(run(200)).toMatchObject({ stdout: "", signal: "SIGKILL" });
  expect(group.kills()).toBeGreaterThan(0);
  group.end();
});
