/**
 * While the simulated world runs, real clocks, entropy, timers and I/O throw: whoever asks for them makes runs differ.
 * A promise is not caught here, but by the host: effects that are left for later are never performed in time.
 */
type Table = Record<string, unknown>;
/** What a script of Node finds among its globals; the rooms that run here do not know it by type. */
type Globals = Table & {
  readonly process?: Table & { readonly getBuiltinModule?: (name: string) => Table | undefined };
};

const GLOBALS = [
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "requestAnimationFrame",
  "requestIdleCallback",
  "fetch",
  "WebSocket",
  "EventSource",
  "XMLHttpRequest",
  "MessageChannel",
  "BroadcastChannel",
  "Worker",
  "WeakRef",
  "FinalizationRegistry",
];
const MEMBERS: readonly (readonly [owner: string, names: readonly string[]])[] = [
  // The same to the last bit on no two engines; the operators and `sqrt` are.
  ["Math", ["random", "sin", "cos", "tan", "exp", "expm1", "log", "log10", "log1p", "pow", "cbrt"]],
  ["performance", ["now", "mark", "measure", "timerify", "eventLoopUtilization"]],
  ["process", ["hrtime", "cpuUsage", "memoryUsage", "resourceUsage", "uptime", "nextTick", "cwd", "umask"]],
  ["crypto", ["getRandomValues", "randomUUID"]],
];
/** What a time zone, a language or a version of ICU decides. */
const METHODS: readonly (readonly [owner: string, names: readonly string[]])[] = [
  ["String", ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase", "normalize"]],
  ["Number", ["toLocaleString"]],
  ["BigInt", ["toLocaleString"]],
  ["Array", ["toLocaleString"]],
  [
    "Date",
    [
      "getFullYear",
      "getMonth",
      "getDate",
      "getDay",
      "getHours",
      "getMinutes",
      "getTimezoneOffset",
      "toString",
      "toDateString",
      "toTimeString",
      "toLocaleString",
      "toLocaleDateString",
      "toLocaleTimeString",
    ],
  ],
];
/** Every function of these reaches out of the process or into the machine. */
const MODULES = [
  "fs",
  "fs/promises",
  "net",
  "dgram",
  "dns",
  "dns/promises",
  "http",
  "https",
  "http2",
  "tls",
  "child_process",
  "worker_threads",
  "os",
  "timers",
  "timers/promises",
  "readline",
];
const ENTROPY = /^(random|generateKey|generatePrime|getRandomValues)/;

type Place = {
  readonly owner: Table;
  readonly name: string;
  readonly real: unknown;
  readonly jailed: unknown;
};

let places: readonly Place[] | null = null;
let inside = false;

/** Within another call it is that call's doing: nothing is put back before the outermost ends. */
export function withoutChance<T>(run: () => T): T {
  if (inside) return run();
  places ??= findPlaces();
  inside = true;
  for (const { owner, name, jailed } of places) owner[name] = jailed;
  bindImports();
  try {
    return run();
  } finally {
    for (const { owner, name, real } of places) owner[name] = real;
    bindImports();
    inside = false;
  }
}

/** Names that were imported from a module of Node follow the module only when it is told so. */
function bindImports(): void {
  const globals = globalThis as unknown as Globals;
  const sync = globals.process?.getBuiltinModule?.("module")?.["syncBuiltinESMExports"];
  if (typeof sync === "function") (sync as () => void)();
}

function findPlaces(): readonly Place[] {
  const globals = globalThis as unknown as Globals;
  const found: Place[] = [];
  const add = (owner: unknown, name: string, shown: string, jailed?: unknown): void => {
    if ((typeof owner !== "object" && typeof owner !== "function") || owner === null) return;
    const table = owner as Table;
    const real = table[name];
    if (typeof real !== "function" || !isWritable(owner, name)) return;
    found.push({ owner: table, name, real, jailed: jailed ?? jailedFunction(shown) });
  };
  for (const name of GLOBALS) add(globals, name, name);
  for (const [owner, names] of MEMBERS)
    for (const name of names) add(globals[owner], name, `${owner}.${name}`);
  for (const [owner, names] of METHODS) {
    const table = globals[owner] as { readonly prototype?: unknown } | undefined;
    for (const name of names) add(table?.prototype, name, `${owner}.prototype.${name}`);
  }
  const load = globals.process?.getBuiltinModule;
  for (const module of MODULES) {
    const table = load?.(module);
    for (const name of Object.keys(table ?? {})) add(table, name, `${module}.${name}`);
  }
  const crypto = load?.("crypto");
  for (const name of Object.keys(crypto ?? {})) if (ENTROPY.test(name)) add(crypto, name, `crypto.${name}`);
  add(globals, "Date", "Date", jailedDate());
  return found;
}

function isWritable(owner: object, name: string): boolean {
  for (let at: object | null = owner; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined) return descriptor.writable === true || descriptor.set !== undefined;
  }
  return false;
}

/** Called or constructed, it throws; what hangs on it, as `hrtime.bigint`, is not there. */
function jailedFunction(shown: string): unknown {
  return function jailed(): never {
    forbidden(shown);
  };
}

/** Dates of given moments are values like others; the moment that it is now is none. */
function jailedDate(): DateConstructor {
  return new Proxy(Date, {
    apply: () => forbidden("Date()"),
    construct: (real, given: readonly unknown[]) =>
      given.length === 1 && typeof given[0] === "number"
        ? (Reflect.construct(real, given) as Date)
        : forbidden(given.length === 0 ? "new Date()" : "new Date(...) of local time"),
    get: (real, name) =>
      name === "now" || name === "parse"
        ? () => forbidden(`Date.${name}`)
        : (Reflect.get(real, name) as unknown),
  });
}

function forbidden(name: string): never {
  throw new Error(`invariant broken: ${name} inside a simulated run`);
}
