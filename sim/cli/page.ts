/** Writes a run as one page that needs no server and no network: the kernel and the simulator are in it. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { Embedded } from "../view/embedded.ts";
import type { Recording } from "../view/recording.ts";
import { Usage } from "./command.ts";
import { readMutant } from "./mutant.ts";
import { bundled } from "./pack.ts";

export type PageOf = {
  readonly name: string;
  readonly recording: Recording;
  /** Computed in a run that recorded nothing. */
  readonly digest: string;
  readonly mutant: string | null;
};

const PAGE_BYTES_MAX = 5_000_000;
const SIMULATOR = new URL("../page/runner.ts", import.meta.url);
const PAGE = new URL("../page/page.ts", import.meta.url);
const STYLE = new URL("../page/page.css", import.meta.url);
const BROWSER = { format: "iife", platform: "browser", minify: true } as const;

/**
 * @returns the bytes of the page
 * @throws Usage when the file cannot be written
 */
export async function writePage(file: string, page: PageOf): Promise<number> {
  const text = await pageOf(page);
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new Usage(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return Buffer.byteLength(text);
}

/** Leaves out what processes knew and disks held when the page would be too large: it computes that itself. */
async function pageOf({ name, recording, digest, mutant }: PageOf): Promise<string> {
  const bug = mutant === null ? null : { name: mutant, ...(await readMutant(mutant)) };
  const [simulator, script, style] = await Promise.all([
    bundled(SIMULATOR, bug, BROWSER),
    bundled(PAGE, null, BROWSER),
    readFile(STYLE, "utf8"),
  ]);
  const embedded: Embedded = { recording, name, digest, mutant: bug };
  const whole = printPage(embedded, { simulator, script, style });
  if (whole.length < PAGE_BYTES_MAX) return whole;
  const thin = { ...embedded, recording: { ...recording, states: {}, disks: {}, whole: false } };
  const smaller = printPage(thin, { simulator, script, style });
  if (smaller.length < PAGE_BYTES_MAX) return smaller;
  throw new Error(
    `the page of ${recording.steps} events would have ${smaller.length} bytes: shrink the script first`,
  );
}

type Parts = { readonly simulator: string; readonly script: string; readonly style: string };

/** Nothing of the run stands in it as text: what is packed cannot be read as markup. */
function printPage(embedded: Embedded, { simulator, script, style }: Parts): string {
  // What may run and be drawn is named by its hash, and nothing may be fetched.
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}' blob:`,
    `style-src '${hashOf(style)}'`,
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ciruela, simulated</title>
<style>${style}</style>
<body>
<p>Unpacking the run&hellip;</p>
<noscript>This page is a program: it needs JavaScript.</noscript>
<script type="text/plain" id="recording">${packed(JSON.stringify(embedded))}</script>
<script type="text/plain" id="simulator">${packed(simulator)}</script>
<script>${script}</script>
</body>
</html>
`;
}

function packed(text: string): string {
  return gzipSync(text, { level: 9 }).toString("base64");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
