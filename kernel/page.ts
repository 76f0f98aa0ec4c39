/** Status pages as a client reads them: objects of JSON, of which nothing is believed but what has the right type. */
import { utf8Decode } from "./text.ts";

export type Page = Readonly<Record<string, unknown>>;

export function pageOf(body: Uint8Array | null): Page | null {
  const text = body === null ? null : utf8Decode(body);
  try {
    const value: unknown = text === null ? null : JSON.parse(text);
    return isPage(value) ? value : null;
  } catch {
    return null;
  }
}

export function isPage(value: unknown): value is Page {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textIn(page: Page, name: string): string | null {
  const value = page[name];
  return typeof value === "string" ? value : null;
}
