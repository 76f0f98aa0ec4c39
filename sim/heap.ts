/** What is due next: entries ordered by (time, sequence), so that equal times keep the order in which they came. */
export type Entry = {
  readonly time: number;
  readonly sequence: number;
  readonly run: () => void;
  /** What planned it: the number of an event or a fault. */
  readonly cause: number;
};

export type Heap = {
  push(time: number, run: () => void, cause?: number): void;
  pop(): Entry | null;
  /** Infinity when nothing is due. */
  nextTime(): number;
  size(): number;
};

export function createHeap(): Heap {
  const entries: Entry[] = [];
  let sequence = 0;

  function rise(at: number): void {
    const moving = entries[at] as Entry;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = entries[above] as Entry;
      if (!before(moving, parent)) break;
      entries[at] = parent;
      at = above;
    }
    entries[at] = moving;
  }

  function sink(moving: Entry): void {
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= entries.length) break;
      const right = entries[below + 1];
      if (right !== undefined && before(right, entries[below] as Entry)) below += 1;
      const child = entries[below] as Entry;
      if (!before(child, moving)) break;
      entries[at] = child;
      at = below;
    }
    entries[at] = moving;
  }

  return {
    push(time, run, cause = 0) {
      sequence += 1;
      entries.push({ time, sequence, run, cause });
      rise(entries.length - 1);
    },
    pop() {
      const first = entries[0];
      const last = entries.pop();
      if (first === undefined || last === undefined) return null;
      if (entries.length > 0) sink(last);
      return first;
    },
    nextTime: () => entries[0]?.time ?? Infinity,
    size: () => entries.length,
  };
}

function before(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
