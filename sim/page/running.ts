/** Starts the simulator that the page carries, and asks it to run scripts. */
import type { Asked, Heard } from "../view/embedded.ts";

export type Runner = { run(asked: Asked, say: (heard: Heard) => void): void };
type Direct = (asked: Asked, say: (heard: Heard) => void) => void;

/** @param source the simulator as one script */
export function createRunner(source: string): Runner {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  let worker: Worker | null = null;
  let queue: Promise<void> = Promise.resolve();

  function inWorker(asked: Asked, say: (heard: Heard) => void): Promise<void> {
    return new Promise((done, fail) => {
      const running = (worker ??= new Worker(url));
      const ended = new AbortController();
      const { signal } = ended;
      running.addEventListener("error", (event) => fail(new Error(event.message)), { signal });
      running.addEventListener(
        "message",
        ({ data }: MessageEvent<Heard>) => {
          say(data);
          if (data.kind === "progress") return;
          ended.abort();
          done();
        },
        { signal },
      );
      running.postMessage(asked, []);
    });
  }

  async function inPage(asked: Asked, say: (heard: Heard) => void): Promise<void> {
    const known = globalThis as { ciruelaRun?: Direct };
    if (known.ciruelaRun === undefined) {
      await new Promise((done, fail) => {
        const script = document.createElement("script");
        script.addEventListener("load", done);
        script.addEventListener("error", () => fail(new Error("the simulator does not load")));
        script.src = url;
        document.head.append(script);
      });
    }
    known.ciruelaRun?.(asked, say);
  }

  async function one(asked: Asked, say: (heard: Heard) => void): Promise<void> {
    try {
      await inWorker(asked, say);
    } catch {
      worker = null; // some browsers start no worker for a page that is a file
      try {
        await inPage(asked, say);
      } catch (error) {
        say({ kind: "failed", error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  return {
    run(asked, say) {
      queue = queue.then(() => one(asked, say));
    },
  };
}
