/** Ways to look at one run: `--diagram` for a terminal, `--html FILE` for a browser. */
import { diagramOf } from "../view/diagram.ts";
import type { Recording } from "../view/recording.ts";
import { type Given, Usage } from "./command.ts";
import type { Hunters, What } from "./options.ts";
import { findingOf, type Of, type Work } from "./work.ts";
import type { Finding } from "../check.ts";

export type Views = { readonly diagram: boolean; readonly html: string | null };
/** What is looked at, and as whom it is named. */
export type Subject = { readonly of: Of; readonly name: string };

export const NO_VIEWS: Views = { diagram: false, html: null };
export const VIEW_VALUES = ["--html"];
export const VIEW_FLAGS = ["--diagram"];

const COLUMNS = 80; // of a pipe
const COLUMNS_MIN = 40;

export function subjectOf(work: Work): Subject {
  return { of: work.of(0), name: work.nameOf(0) };
}

/** @throws Usage when there is more than one run to look at */
export function viewsOf({ options, flags }: Given, what: What): Views {
  const html = options.get("--html") ?? null;
  const diagram = flags.has("--diagram");
  const many = what.kind === "seeds" && what.from !== what.to;
  if (many && (diagram || html !== null))
    throw new Usage(`${diagram ? "--diagram" : "--html"} is of one seed or one script`);
  return { diagram, html };
}

/** Runs it once more to record it, and shows it. Nothing when no view was asked for. */
export async function showViews(
  { diagram, html }: Views,
  hunters: Hunters,
  { of, name }: Subject,
): Promise<Finding | null> {
  if (!diagram && html === null) return null;
  const finding = await findingOf(hunters, {
    of,
    twice: false,
    shrinkRunsMax: 0,
    record: html === null ? "events" : "all",
  });
  const recording = recordingOf(finding);
  if (diagram) {
    const width = Math.max(COLUMNS_MIN, process.stdout.columns ?? COLUMNS);
    process.stdout.write(`${diagramOf(recording, width).join("\n")}\n`);
  }
  if (html !== null) {
    const { writePage } = await import("./page.ts");
    const bytes = await writePage(html, {
      name: named(name),
      recording,
      digest: finding.digest,
      mutant: hunters.mutant,
    });
    process.stderr.write(`${html}: ${Math.ceil(bytes / 1000)} kB, opens in a browser without a server\n`);
  }
  return finding;
}

function recordingOf({ recording, digest }: Finding): Recording {
  if (recording === undefined) throw new Error("a task that records has a recording");
  if (recording.digest !== digest)
    throw new Error(`recording a run has changed it: ${recording.digest} is not ${digest}`);
  return recording;
}

/** A file without its folder, which says nothing to who gets the page. */
function named(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
