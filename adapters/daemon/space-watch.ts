/** Looks how much room the file systems of some folders have. One look at a time: a disk may hang. */
import { statfs } from "node:fs/promises";
import type { Space } from "../../kernel/event.ts";
import type { RootName } from "../../kernel/storage/call.ts";

const AGAIN_MS = 5_000; // 100 MB/s fill two reserves meanwhile

export type SpaceWatchOptions = {
  readonly db: RootName;
  readonly roots: () => readonly RootName[];
  readonly found: (places: readonly Space[]) => void;
};

export function createSpaceWatch({ db, roots, found }: SpaceWatchOptions): { close(): void } {
  let looking = false;
  let closed = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    const wanted = [null, ...new Set(roots())];
    const places = await Promise.all(wanted.map((root) => spaceOf(root, root ?? db)));
    looking = false;
    if (!closed) found(places.filter((each) => each !== null));
  }

  const timer = setInterval(() => void look(), AGAIN_MS);
  timer.unref();
  void look();
  return {
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

/** Null for a folder that is not there: what needs it fails by itself. */
async function spaceOf(root: RootName | null, path: string): Promise<Space | null> {
  try {
    const { bsize, blocks, bavail } = await statfs(path);
    return { root, totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return null;
  }
}
