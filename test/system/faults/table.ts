/** What it took, by call, as a table of Markdown. */
import type { Fault } from "../rig/server.ts";
import type { Outcome } from "./heal.ts";

const WHATS: readonly Fault["what"][] = ["KILL", "EIO", "ENOSPC", "EMFILE"];

export class Table {
  /** Of each line and column: how often each outcome was seen. */
  readonly #cells = new Map<string, Map<Fault["what"], Map<string, number>>>();

  add(call: string, what: Fault["what"], outcome: Outcome | null): void {
    const cells = this.#cells.get(call) ?? new Map<Fault["what"], Map<string, number>>();
    this.#cells.set(call, cells);
    const counts = cells.get(what) ?? new Map<string, number>();
    cells.set(what, counts);
    const text = outcome === null ? "not reached" : outcomeText(outcome);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }

  text(): string {
    const head = ["Call", ...WHATS];
    const lines = [`| ${head.join(" | ")} |`, `| --- ${"| --- ".repeat(head.length - 1)}|`];
    for (const [call, cells] of this.#cells) {
      lines.push(`| ${call} | ${WHATS.map((what) => cellText(cells.get(what))).join(" | ")} |`);
    }
    return lines.join("\n");
  }
}

function outcomeText({ status, healed, wrong }: Outcome): string {
  const end = status === null ? "" : `status ${status}, `;
  return `${end}${healed}${wrong.length > 0 ? ` (${wrong.length} WRONG)` : ""}`;
}

function cellText(counts: ReadonlyMap<string, number> | undefined): string {
  if (counts === undefined) return "";
  return [...counts].map(([text, count]) => `${count} ${text}`).join("; ");
}
