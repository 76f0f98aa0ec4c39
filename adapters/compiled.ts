/** Threads run compiled JavaScript: from the sources (tests, a loader) it is found in `dist/` beside them. */
export function compiledUrl(relative: string, base: string): URL {
  const url = new URL(relative, base);
  if (!base.endsWith(".ts")) return new URL(url.href.replace(/\.ts$/, ".js"));
  const root = new URL("../", import.meta.url);
  const inside = url.href.slice(root.href.length).replace(/\.ts$/, ".js");
  return new URL(`dist/${inside}`, root);
}
