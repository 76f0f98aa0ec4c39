/** Scripts as fast-check makes and shrinks them: fewer lines, earlier times, smaller numbers. */
import * as fc from "fast-check";
import {
  type Deed,
  FAILING_CALLS,
  FAILING_CODES,
  type Line,
  type LinkFields,
  printScript,
  type Script,
  type UploadVerb,
  type Verb,
  WHEN_PHASES,
} from "./script.ts";
import { MILLISECOND } from "./timeline.ts";

export type ScriptBounds = {
  readonly nodesMax: number;
  readonly linesMax: number;
  /** Milliseconds. */
  readonly lengthMs: number;
};

const DEFAULT_BOUNDS: ScriptBounds = { nodesMax: 5, linesMax: 12, lengthMs: 20_000 };

export function arbitraryScript(bounds: ScriptBounds = DEFAULT_BOUNDS): fc.Arbitrary<Script> {
  const { nodesMax, linesMax, lengthMs } = bounds;
  return fc
    .record({
      seed: fc.nat(),
      nodes: fc.integer({ min: 1, max: nodesMax }),
      append: fc.boolean(),
      disk: fc.constantFrom("weak" as const, "ordered" as const),
      lines: fc.array(arbitraryLine(nodesMax, lengthMs), { maxLength: linesMax }),
    })
    .map(({ seed, nodes, append, disk, lines }) => ({
      seed,
      cluster: { nodes, levels: 1, append, disk },
      lines: lines
        .map(({ at, verb }) => ({ at, verb: within(withMode(verb, append), nodesMax, nodes) }))
        .toSorted((a, b) => a.at - b.at),
    }))
    .map(withText);
}

/** fast-check prints it as the text that `replay` takes. Who copies or compares the script does not see it. */
function withText(script: Script): Script {
  const text = (): string => `\n${printScript(script)}`;
  return Object.defineProperty({ ...script }, fc.toStringMethod, { value: text, enumerable: false });
}

export function arbitraryLine(nodesMax: number, lengthMs: number): fc.Arbitrary<Line> {
  return fc.record({
    at: fc.nat(lengthMs).map((ms) => ms * MILLISECOND),
    verb: arbitraryVerb(nodesMax),
  });
}

function withMode(verb: Verb, append: boolean): Verb {
  if (verb.kind === "when" && verb.deed.kind === "upload")
    return { ...verb, deed: { ...verb.deed, mode: append ? "append" : "replace" } };
  return verb.kind === "upload" ? { ...verb, mode: append ? "append" : "replace" } : verb;
}

/**
 * The verb in a cluster of `nodes` servers: uploads go to servers that are there, and who joins lists some of them. A
 * server whose peer file names nobody, or an upload that reaches only a server nobody lists, converges with nobody.
 */
function within(verb: Verb, nodesMax: number, nodes: number): Verb {
  const folded = (names: readonly string[]): readonly string[] => [
    ...new Set(names.map((name) => `n${((Number(name.slice(1)) - 1) % nodes) + 1}`)),
  ];
  if (verb.kind === "upload") return { ...verb, to: folded(verb.to) };
  if (verb.kind === "when" && verb.deed.kind === "upload")
    return { ...verb, deed: { ...verb.deed, to: folded(verb.deed.to) } };
  if (verb.kind !== "join") return verb;
  const number = Number(verb.host.slice(1)) - nodesMax + nodes;
  return { ...verb, host: `n${number}`, peers: folded(verb.peers) };
}

export function arbitraryVerb(nodesMax: number): fc.Arbitrary<Verb> {
  const deed = arbitraryDeed(nodesMax);
  const when = fc.record({
    kind: fc.constant("when" as const),
    host: fc.integer({ min: 1, max: nodesMax }).map((number) => `n${number}`),
    phase: fc.constantFrom(...WHEN_PHASES),
    nth: fc.integer({ min: 1, max: 3 }),
    call: fc.option(
      fc.record({
        name: fc.constantFrom("*" as const, ...FAILING_CALLS),
        nth: fc.integer({ min: 1, max: 20 }),
      }),
    ),
    delay: fc.nat(2_000).map(toMicros),
    // Who joins is there from then on, whenever that is: what later lines mean must not hang on it.
    deed: deed.filter((each) => each.kind !== "join"),
  });
  return fc.oneof({ weight: 5, arbitrary: deed }, { weight: 1, arbitrary: when });
}

function arbitraryDeed(nodesMax: number): fc.Arbitrary<Deed> {
  const node = fc.integer({ min: 1, max: nodesMax }).map((number) => `n${number}`);
  const end = fc.oneof(node, fc.constant("*"));
  const some = fc.uniqueArray(node, { minLength: 1, maxLength: 3 });
  const upload: fc.Arbitrary<UploadVerb> = fc.record({
    kind: fc.constant("upload" as const),
    client: fc.integer({ min: 1, max: 3 }).map((number) => `c${number}`),
    path: fc.constantFrom("/site/current", "/site/other"),
    content: fc.integer({ min: 1, max: 9 }),
    files: fc.nat(8),
    bytes: fc.constantFrom(200, 20_000, 100_000),
    mode: fc.constantFrom("replace" as const, "append" as const),
    skew: fc.integer({ min: -10_000, max: 10_000 }).map(toMicros),
    frozen: fc.boolean(),
    key: fc.constantFrom("known" as const, "second" as const),
    old: fc.constant(null),
    to: some,
  });
  return fc.oneof(
    { weight: 3, arbitrary: upload },
    fc.record({
      kind: fc.constantFrom("cut" as const, "heal" as const),
      from: end,
      to: end,
      oneWay: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("crash" as const),
      host: node,
      disk: fc.constantFrom("weak" as const, "ordered" as const, "kept" as const),
    }),
    fc.record({ kind: fc.constantFrom("pause" as const, "resume" as const, "restart" as const), host: node }),
    fc.record({ kind: fc.constant("start" as const), host: node, machine: fc.constant(null) }),
    fc.record({
      kind: fc.constant("flap" as const),
      from: end,
      to: end,
      every: fc.integer({ min: 50, max: 2_000 }).map(toMicros),
      lasting: fc.nat(5_000).map(toMicros),
    }),
    fc.record({ kind: fc.constant("split" as const), from: some, to: some }),
    fc.record({
      kind: fc.constant("hang" as const),
      host: node,
      call: fc.constantFrom("*" as const, ...FAILING_CALLS),
      lasting: fc.nat(5_000).map(toMicros),
    }),
    fc.record({
      kind: fc.constant("join" as const),
      host: fc.integer({ min: nodesMax + 1, max: nodesMax + 2 }).map((number) => `n${number}`),
      peers: some,
      machine: fc.constant(null),
    }),
    fc.record({ from: end, to: end, fields: linkFields }).map(({ from, to, fields }) => ({
      kind: "link" as const,
      from,
      to,
      ...fields,
    })),
    fc.record({
      kind: fc.constant("rate" as const),
      host: node,
      up: fc.integer({ min: 2_000, max: 100_000 }),
      down: fc.integer({ min: 2_000, max: 100_000 }),
    }),
    fc.record({
      kind: fc.constant("clock" as const),
      host: node,
      step: fc.integer({ min: -120_000, max: 120_000 }).map(toMicros),
      drift: fc.integer({ min: -1_000, max: 1_000 }).map((ppm) => (ppm === 0 ? 0 : ppm)),
    }),
    fc.record({
      kind: fc.constant("fail" as const),
      host: node,
      call: fc.constantFrom("*" as const, ...FAILING_CALLS),
      code: fc.constantFrom(...FAILING_CODES),
      count: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant("slow" as const), host: node, factor: fc.integer({ min: 1, max: 200 }) }),
  );
}

const share = (most: number) => fc.integer({ min: 0, max: most }).map((hits) => ({ hits, outOf: 100 }));

const linkFields: fc.Arbitrary<LinkFields> = fc.record(
  {
    loss: share(40),
    dup: share(20),
    flip: share(3),
    burst: fc.nat(2_000).map(toMicros),
    late: fc.nat(20_000).map(toMicros),
    tail: share(5),
    long: fc.nat(3_000).map(toMicros),
    delay: fc.tuple(fc.nat(50_000), fc.nat(400_000)).map(([min, spread]) => ({ min, max: min + spread })),
  },
  { requiredKeys: [] },
);

function toMicros(ms: number): number {
  return ms === 0 ? 0 : ms * MILLISECOND;
}
