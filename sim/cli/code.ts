/** A failure in one word: the promise that was broken. */
import type { Finding } from "../check.ts";

export function codeOf({ trouble }: Pick<Finding, "trouble">): string | null {
  if (trouble === null) return null;
  return trouble.kind === "violation" ? trouble.failure.code : trouble.kind;
}
