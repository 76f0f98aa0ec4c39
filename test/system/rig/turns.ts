/**
 * Does things in their order, several at a time; `worker` tells those apart that run at once. After one that throws none is
 * begun, and those that run come to their end, with what they have made, before that is thrown on.
 */
export async function inTurn<T>(
  things: readonly T[],
  workers: number,
  one: (thing: T, worker: number) => Promise<void>,
): Promise<void> {
  const left = things.values();
  let failed = false;
  const work = async (worker: number): Promise<void> => {
    for (const thing of left) {
      if (failed) return;
      await one(thing, worker).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, (_, worker) => work(worker)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
