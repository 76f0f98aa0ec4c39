/**
 * Calls when files may have changed: every few seconds in any case, because notices get lost (network file systems,
 * mounted secrets that are swapped by a link), and at once where the system gives notice.
 */
import { type FSWatcher, watch } from "node:fs";

const AGAIN_MS = 5_000;
const SETTLE_MS = 100; // an editor writes, renames and changes the mode

export type FileWatch = { close(): void };

export function createFileWatch(folders: readonly string[], look: () => void): FileWatch {
  const timer = setInterval(look, AGAIN_MS);
  timer.unref();
  let settling: NodeJS.Timeout | null = null;
  const watchers: FSWatcher[] = [];

  function notice(): void {
    if (settling !== null) return;
    settling = setTimeout(() => {
      settling = null;
      look();
    }, SETTLE_MS);
    settling.unref();
  }

  for (const folder of folders) {
    try {
      const watcher = watch(folder, { persistent: false }, notice);
      watcher.on("error", () => watcher.close());
      watchers.push(watcher);
    } catch {
      // Not there, or no more watches to be had: the timer looks anyway.
    }
  }

  return {
    close() {
      clearInterval(timer);
      if (settling !== null) clearTimeout(settling);
      for (const watcher of watchers) watcher.close();
    },
  };
}
