/**
 * While the simulated world runs, real clocks, entropy, timers and I/O throw: whoever asks for them makes runs differ.
 * A promise is not caught here, but by the host: effects that are left for later are never performed in time.
 */
type Table = Record<string, unknown>;
/** What a script of Node finds among its globals; the rooms that run here do not know it by type. */
type Globals = Table & {
  readonly process?: Table & { readonly getBuiltinModule?: (name: string) => Table | undefined };
};

const GLOBALS = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch"];
const MEMBERS: readonly (readonly [owner: string, names: readonly string[]])[] = [
  ["Math", ["random"]],
  ["performance", ["now"]],
  ["process", ["hrtime", "cpuUsage", "memoryUsage", "nextTick"]],
];
const MODULES: readonly (readonly [module: string, names: readonly string[]])[] = [
  ["crypto", ["randomBytes", "randomUUID", "randomInt", "randomFillSync"]],
  [
    "fs",
    ["openSync", "readSync", "readFileSync", "writeFileSync", "writeSync", "readdirSync", "statSync", "open"],
  ],
  ["net", ["connect", "createConnection", "createServer"]],
  ["dgram", ["createSocket"]],
  ["dns", ["lookup"]],
  ["child_process", ["spawn", "spawnSync", "fork"]],
];

type Place = {
  readonly owner: Table;
  readonly name: string;
  readonly real: unknown;
  readonly jailed: unknown;
};

let places: readonly Place[] | null = null;
let depth = 0;

/** May be nested: what is inside finds the doors closed already. */
export function withoutChance<T>(run: () => T): T {
  places ??= findPlaces();
  if (depth > 0) return run();
  depth += 1;
  for (const { owner, name, jailed } of places) owner[name] = jailed;
  try {
    return run();
  } finally {
    depth -= 1;
    for (const { owner, name, real } of places) owner[name] = real;
  }
}

function findPlaces(): readonly Place[] {
  const globals = globalThis as unknown as Globals;
  const found: Place[] = [];
  const add = (owner: unknown, name: string, shown: string, jailed?: unknown): void => {
    if ((typeof owner !== "object" && typeof owner !== "function") || owner === null) return;
    const table = owner as Table;
    const real = table[name];
    if (typeof real !== "function") return;
    found.push({ owner: table, name, real, jailed: jailed ?? ((): never => forbidden(shown)) });
  };
  for (const name of GLOBALS) add(globals, name, name);
  for (const [owner, names] of MEMBERS)
    for (const name of names) add(globals[owner], name, `${owner}.${name}`);
  add(globals["crypto"], "getRandomValues", "crypto.getRandomValues");
  add(globals["crypto"], "randomUUID", "crypto.randomUUID");
  for (const [module, names] of MODULES) {
    const table = globals.process?.getBuiltinModule?.(module);
    for (const name of names) add(table, name, `${module}.${name}`);
  }
  add(globals, "Date", "Date", jailedDate());
  return found;
}

/** Dates of given moments are values like others; the moment that it is now is none. */
function jailedDate(): DateConstructor {
  return new Proxy(Date, {
    apply: () => forbidden("Date()"),
    construct: (real, given: readonly unknown[]) =>
      given.length === 0 ? forbidden("new Date()") : (Reflect.construct(real, given) as Date),
    get: (real, name) =>
      name === "now" ? () => forbidden("Date.now") : (Reflect.get(real, name) as unknown),
  });
}

function forbidden(name: string): never {
  throw new Error(`invariant broken: ${name} inside a simulated run`);
}
