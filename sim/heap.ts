/**
 * What is due next, ordered by (time, sequence), so that equal times keep the order in which they came. Entries are
 * slots of typed arrays, and the heap is of slots: pushing and popping allocate nothing.
 */
export type Heap = {
  /** `cause` is the number of the event or fault that planned it. */
  push(time: number, run: () => void, cause?: number): void;
  /** Takes the first entry off; `time`, `cause` and `run` are of it until the next one. False when nothing is due. */
  pop(): boolean;
  time(): number;
  cause(): number;
  run(): void;
  /** Infinity when nothing is due. */
  nextTime(): number;
  size(): number;
};

const FIRST_CAPACITY = 256;
const NOTHING = (): void => {};

export function createHeap(): Heap {
  let times = new Float64Array(FIRST_CAPACITY);
  let sequences = new Float64Array(FIRST_CAPACITY);
  let causes = new Float64Array(FIRST_CAPACITY);
  let order = new Int32Array(FIRST_CAPACITY); // slots, as a heap
  let free = new Int32Array(FIRST_CAPACITY); // slots that were given back
  const runs: (() => void)[] = [];
  let size = 0;
  let freed = 0;
  let sequence = 0;
  const popped = { time: 0, cause: 0, run: NOTHING };

  function before(a: number, b: number): boolean {
    const difference = (times[a] as number) - (times[b] as number);
    return difference < 0 || (difference === 0 && (sequences[a] as number) < (sequences[b] as number));
  }

  function grow(): void {
    const capacity = order.length * 2;
    times = copied(times, new Float64Array(capacity));
    sequences = copied(sequences, new Float64Array(capacity));
    causes = copied(causes, new Float64Array(capacity));
    order = copied(order, new Int32Array(capacity));
    free = copied(free, new Int32Array(capacity));
  }

  function rise(slot: number, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = order[above] as number;
      if (!before(slot, parent)) break;
      order[at] = parent;
      at = above;
    }
    order[at] = slot;
  }

  function sink(slot: number): void {
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && before(order[below + 1] as number, order[below] as number)) below += 1;
      const child = order[below] as number;
      if (!before(child, slot)) break;
      order[at] = child;
      at = below;
    }
    order[at] = slot;
  }

  return {
    push(time, run, cause = 0) {
      if (size === order.length) grow();
      const slot = freed > 0 ? (free[--freed] as number) : size;
      sequence += 1;
      times[slot] = time;
      sequences[slot] = sequence;
      causes[slot] = cause;
      runs[slot] = run;
      rise(slot, size);
      size += 1;
    },
    pop() {
      if (size === 0) return false;
      const first = order[0] as number;
      popped.time = times[first] as number;
      popped.cause = causes[first] as number;
      popped.run = runs[first] as () => void;
      runs[first] = NOTHING;
      free[freed] = first;
      freed += 1;
      size -= 1;
      if (size > 0) sink(order[size] as number);
      return true;
    },
    time: () => popped.time,
    cause: () => popped.cause,
    run: () => popped.run(),
    nextTime: () => (size === 0 ? Infinity : (times[order[0] as number] as number)),
    size: () => size,
  };
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
