/** Tables for people: right-aligned columns that are also the cells of a Markdown table. */

export function rowOf(cells: readonly string[], widths: readonly number[]): string {
  return `| ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(" | ")} |`;
}
