/** Does things in their order, several at a time; `worker` tells those apart that run at once. */
export async function inTurn<T>(
  things: readonly T[],
  workers: number,
  one: (thing: T, worker: number) => Promise<void>,
): Promise<void> {
  const left = things.values();
  const work = async (worker: number): Promise<void> => {
    for (const thing of left) await one(thing, worker);
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
}
