/** Virtual microseconds as a script has them: `5ms`, `2s`. */
export function printTime(micros: number): string {
  if (micros % 1_000_000 === 0) return `${micros / 1_000_000}s`;
  return micros % 1_000 === 0 ? `${micros / 1_000}ms` : `${micros}us`;
}
