/**
 * The fences between the rooms, as functions of a tree of sources, so that the test can show each one a planted
 * violation. The compiler holds the rest: kernel/ and sim/ see only the ES library.
 */
export type Source = { readonly path: string; readonly text: string };
export type Violation = { readonly path: string; readonly rule: string; readonly what: string };

/** Rooms of the kernel that are machines: they meet only in node.ts and uploader.ts. */
const MACHINES = ["gossip", "reconcile", "fetch", "publish"];
/** Kernel rooms that a machine may use. */
const SHARED = ["index", "signature", "wire"];
const KERNEL_PACKAGES = [/^@noble\/hashes\//, /^@noble\/ed25519$/, /^cbor-x\/index-no-eval$/];
/** Every package of production code has its line of reasons in README.md. */
const ADAPTER_PACKAGES = [/^node:/, /^(ws|koffi|hash-wasm|commander|yaml|ssh2|pino)$/];
const KERNEL_SEEN_BY_ADAPTERS =
  /^kernel\/(index|storage)\/|^kernel\/(node|uploader|reader|survey|audit|settle|peer-list|event|effect|config|ids|assert|brand|result|text|status|report)\.ts$/;

/** Names that bring the clock, entropy, the locale or hidden order into the kernel. */
const BANNED: readonly (readonly [rule: string, pattern: RegExp])[] = [
  ["no Date", /\bDate\b/],
  ["no Math.random", /\bMath\s*\.\s*random\b|\bcrypto\b/],
  ["no async", /\basync\b|\bawait\b|\bPromise\b/],
  ["no any", /[:<,|&(]\s*any\b|\bas any\b/],
  ["no locale", /\blocaleCompare\b|\bIntl\b|\btoLocale\w*\b|\.normalize\(/],
  ["no bare sort", /\.(sort|toSorted)\(\s*\)/],
  ["no weak references", /\bWeakRef\b|\bFinalizationRegistry\b/],
  ["no timers", /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
];

export function violations(tree: readonly Source[]): readonly Violation[] {
  return [
    ...tree.flatMap(importsOutOfBounds),
    ...tree.flatMap(bannedNames),
    ...cycles(tree),
    ...sharedSubnets(tree),
  ];
}

/** Code without comments and without what stands in quotes, line by line. */
export function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (hidden) =>
    hidden.startsWith('"') || hidden.startsWith("'") ? '""' : hidden.replace(/[^\n]/g, " "),
  );
}

export function importsOf(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*/gm, "");
  const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g);
  return Array.from(found, (match) => match[1] ?? "");
}

/** The tree path that a relative import means. */
export function resolveImport(from: string, to: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of to.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function importsOutOfBounds(source: Source): readonly Violation[] {
  const out: Violation[] = [];
  for (const name of importsOf(source.text)) {
    const relative = name.startsWith(".");
    const target = relative ? resolveImport(source.path, name) : name;
    const allowed = relative ? mayImportFile(source.path, target) : mayImportPackage(source.path, name);
    if (!allowed) out.push({ path: source.path, rule: "import direction", what: target });
  }
  return out;
}

function mayImportFile(from: string, to: string): boolean {
  const [room, second] = from.split("/");
  const [toRoom, toSecond] = to.split("/");
  if (room === "test" || room === "bench") return true;
  if (room === "kernel") {
    if (toRoom !== "kernel") return false;
    const inMachine = MACHINES.includes(second ?? "");
    const leaf = to.split("/").length === 2;
    if (leaf) return !(/^kernel\/(node|uploader)\.ts$/.test(to) && from.split("/").length > 2);
    if (inMachine) return toSecond === second || SHARED.includes(toSecond ?? "");
    if (from.split("/").length === 2 || second === "node") return true;
    return !MACHINES.includes(toSecond ?? "");
  }
  if (room === "adapters") return toRoom === "adapters" || KERNEL_SEEN_BY_ADAPTERS.test(to);
  if (room === "sim") {
    if (toRoom === "sim") return true;
    return (
      KERNEL_SEEN_BY_ADAPTERS.test(to) ||
      /^kernel\/(prng|winner)\.ts$|^kernel\/signature\//.test(to) ||
      /^adapters\/(port|driver)\.ts$/.test(to)
    );
  }
  return false;
}

function mayImportPackage(from: string, name: string): boolean {
  const room = from.split("/")[0];
  if (room === "test" || room === "bench") return true;
  if (room === "kernel") return KERNEL_PACKAGES.some((allowed) => allowed.test(name));
  if (room === "adapters") {
    if (/^adapters\/(port|driver)\.ts$/.test(from)) return false;
    return ADAPTER_PACKAGES.some((allowed) => allowed.test(name));
  }
  if (room === "sim") {
    if (name.startsWith("node:")) return /^sim\/(main|start)\.ts$/.test(from) || from.startsWith("sim/cli/");
    if (name === "esbuild" || name === "hash-wasm") return from.startsWith("sim/cli/");
    return name === "fast-check" || name.startsWith("@noble/");
  }
  return false;
}

function bannedNames(source: Source): readonly Violation[] {
  if (!source.path.startsWith("kernel/")) return [];
  const code = codeOf(source.text);
  return BANNED.filter(([, pattern]) => pattern.test(code)).map(([rule, pattern]) => ({
    path: source.path,
    rule,
    what: pattern.exec(code)?.[0] ?? "",
  }));
}

/** Test files run beside each other: what listens at addresses like `127.0.20.1` has the first three numbers alone. */
function sharedSubnets(tree: readonly Source[]): readonly Violation[] {
  const out: Violation[] = [];
  const owners = new Map<string, string>();
  for (const { path, text } of tree) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/gm, "");
    for (const [subnet] of code.matchAll(/\b127\.0\.[1-9][0-9]*\b/g)) {
      const owner = owners.get(subnet) ?? path;
      owners.set(subnet, owner);
      if (owner !== path) out.push({ path, rule: "one file a subnet", what: `${subnet} of ${owner}` });
    }
  }
  return out;
}

/** Each file that imports itself through others, once. */
function cycles(tree: readonly Source[]): readonly Violation[] {
  const edges = new Map<string, readonly string[]>();
  for (const source of tree) {
    const relative = importsOf(source.text).filter((name) => name.startsWith("."));
    edges.set(
      source.path,
      relative.map((name) => resolveImport(source.path, name)),
    );
  }
  const out: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, stack: readonly string[]): void => {
    if (stack.includes(path)) {
      out.push({ path, rule: "import cycle", what: [...stack.slice(stack.indexOf(path)), path].join(" > ") });
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...stack, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return out;
}
