import { test } from "vitest";
import type { RootName } from "../../kernel/storage/call.ts";
import { createSimDisk } from "../../sim/disk.ts";
import { expectFolds, expectShort } from "./names.ts";

const ROOT = "/images" as RootName;

test.each(["weak", "ordered"] as const)(
  "memory, %s directories: names that fold, and short ones",
  (model) => {
    const disk = createSimDisk(model);
    disk.makeRoot(ROOT);
    disk.setNames(ROOT, { fold: (name) => name.toLowerCase(), bytesMax: 143 });
    expectFolds(disk, ROOT);
    expectShort(disk, ROOT, 143);
  },
);
