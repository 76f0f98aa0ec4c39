/** Datagrams at a rate that Node does not reach: a program in C sends them. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export type Flood = {
  /** Ends it: how many datagrams were sent, and how many a second. */
  end(): Promise<{ readonly sent: number; readonly perSecond: number }>;
};

export type FloodOptions = {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly perSecond: number;
  /** Sent one after the other, and again. */
  readonly datagrams: readonly Uint8Array[];
};

/** Begins at once. Needs a compiler of C: Debian's `gcc`. */
export function flood({ from, to, port, perSecond, datagrams }: FloodOptions): Flood {
  const folder = mkdtempSync(join(tmpdir(), "ciruela-flood-"));
  const program = join(folder, "flood");
  const file = join(folder, "datagrams");
  const source = fileURLToPath(new URL("flood.c", import.meta.url));
  execFileSync("cc", ["-O2", "-Wall", "-Werror", "-o", program, source]);
  writeFileSync(
    file,
    Buffer.concat(datagrams.flatMap((each) => [Buffer.from([each.length >> 8, each.length & 0xff]), each])),
  );
  const child = spawn(program, [from, to, String(port), String(perSecond), file]);
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  const closed = once(child, "close");
  return {
    async end() {
      child.kill("SIGTERM");
      const [code] = (await closed) as [number | null];
      rmSync(folder, { recursive: true });
      const [sent, rate] = text.trim().split(" ").map(Number);
      if (code !== 0 || sent === undefined || rate === undefined)
        throw new Error(`the flood ended with ${code}`);
      return { sent, perSecond: rate };
    },
  };
}
