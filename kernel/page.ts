/** Status pages as a client reads them: objects of JSON, of which nothing is believed but what has the right type. */
import type { VPath } from "./ids.ts";
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

/** Of what a path of HTTP has no room for; the rest goes as it is, since 0.6.12 decodes nothing. */
const ODD = /[^!-~]|[#?]/u;

/** The page with the images of a base directory. */
export function listPagePath(base: VPath): string {
  const path = ODD.test(base) ? base.replace(/[^!-~]|[#?%]/gu, encodeURIComponent) : base;
  return `/list-dir${path}`;
}

/** RFC 3986; as it is when it is not well formed. */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
