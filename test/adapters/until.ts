/** Waits for what the world does in its own time; no test waits for a time to pass. */
export async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error("did not happen");
    await new Promise((done) => setTimeout(done, 5));
  }
}
