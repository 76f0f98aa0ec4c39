import { defineConfig } from "vitest/config";

/** What takes longer, or needs more than Node: each file says which package of Debian, and fails without it. */
export default defineConfig({
  test: {
    include: ["test/system/**/*.system.ts", "test/hostile/*.system.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: "forks",
    fileParallelism: false,
  },
});
