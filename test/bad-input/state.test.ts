/** Section 4.9: what a disk may hold instead of our state files, with real descriptors; one start looks at each. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ImageId, VPath } from "../../kernel/ids.ts";
import { encodeIntent } from "../../kernel/storage/intent.ts";
import { encodeCbor } from "../../kernel/wire/cbor.ts";
import { decodeState, encodeState } from "../../kernel/wire/state-file.ts";
import {
  done,
  placeAt,
  plant,
  realWorld,
  recoverRequest,
  run,
  seal,
  type Sealed,
  stateOf,
  upload,
  type World,
} from "../storage/world.ts";

const STATE = "signatures/key/group/app.state";
const PROMISE = "signatures/key/group/app.new.state";
const OTHER = "ab".repeat(32) as ImageId;

let world: World;
let sealed: Sealed;
beforeEach(async () => {
  world = await realWorld();
  plant(world, world.roots.source, { file: "1", "sub/other": "2" });
  sealed = seal(world);
  upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
});
afterEach(() => {
  world.restart();
  world.end();
});

const at = (path: string) => `${world.roots.db}/${path}`;
const start = () => done(world, "recovered", recoverRequest(world));
/** Put aside under a name of its own; the image stays as it is, and is told as unknown or missing. */
function expectSetAside(path: string): void {
  const trees = world.tree(world.roots.images);
  const { found, problems } = start();
  expect(problems).toEqual([
    expect.stringMatching(
      /^\/key\/group\/app: app\.(new\.)?state cannot be read as a (state|intent); kept as \.app/,
    ),
  ]);
  const kept = / kept as (\S+)$/.exec(problems[0] ?? "")?.[1] ?? "";
  const names = readdirSync(at("signatures/key/group"));
  expect(names).toContain(kept);
  expect(names).not.toContain(path.slice(path.lastIndexOf("/") + 1));
  expect(found.filter(({ committed }) => committed !== null).length).toBe(path === STATE ? 0 : 1);
  expect(world.tree(world.roots.images)).toEqual(trees);
}

const whole = () => encodeState(stateOf(sealed.index.image, 7));
const SHAPES: readonly (readonly [id: string, what: string, bytes: () => Uint8Array])[] = [
  ["BS1", "nothing, as ext4 leaves it after a cut", () => new Uint8Array()],
  ["BS2", "all but its last byte", () => whole().slice(0, -1)],
  ["BS2", "its first byte", () => whole().slice(0, 1)],
  ["BS4", "another shape", () => encodeCbor(["image", "signatures"])],
  [
    "BS4",
    "an image id without bytes",
    () =>
      encodeCbor(
        new Map([
          ["image", new Uint8Array()],
          ["signatures", new Uint8Array()],
        ]),
      ),
  ],
  [
    "BS4",
    "no signatures",
    () =>
      encodeCbor(
        new Map<string, Uint8Array | []>([
          ["image", new Uint8Array(32)],
          ["signatures", []],
        ]),
      ),
  ],
  [
    "BS4",
    "a timestamp of 2^64 - 1",
    () =>
      Uint8Array.from(
        Buffer.from(
          Buffer.from(whole())
            .toString("hex")
            .replace("82820782", "82821bffffffffffffffff82")
            .replace("81820782", "81821bffffffffffffffff82"),
          "hex",
        ),
      ),
  ],
];
test.each(SHAPES)("%s a state that is %s is set aside", (_, __, bytes) => {
  writeFileSync(at(STATE), bytes());
  expectSetAside(STATE);
});

test("BS2 a state is none wherever it is cut", () => {
  const bytes = whole();
  for (let end = 0; end < bytes.length; end++) expect(decodeState(bytes.subarray(0, end)).ok).toBe(false);
});

test.each([0, 8, 20, 60, 90, 120, 150])("BS3 a state with a wrong bit in byte %d is set aside", (byte) => {
  writeFileSync(
    at(STATE),
    whole().map((each, index) => (index === byte ? each ^ 8 : each)),
  );
  expectSetAside(STATE);
});

test("BS3 a state of 0.6.12, which has no check, is as good as ever", () => {
  const { image, signatures } = stateOf(sealed.index.image, 7);
  const bare = new Map<string, Uint8Array | [number, [string, Uint8Array]][]>([
    ["image", Uint8Array.from(Buffer.from(image, "hex"))],
    ["signatures", signatures.map((each) => [each.timestamp, ["ssh-ed25519", each.bytes]])],
  ]);
  writeFileSync(at(STATE), encodeCbor(bare));
  const found = start().found.map(({ committed }) => committed && encodeState(committed));
  expect(found).toEqual([whole()]);
});

type Strange = readonly [id: string, what: string, make: (path: string) => void];
const STRANGE: readonly Strange[] = [
  ["BS10", "a directory", (path) => mkdirSync(path)],
  ["BS10", "a link", (path) => symlinkSync("/etc/hostname", path)],
  ["BS10", "a pipe", (path) => execFileSync("mkfifo", [path])],
  [
    "BS10",
    "a gigabyte",
    (path) => {
      writeFileSync(path, "");
      truncateSync(path, 1024 ** 3);
    },
  ],
];
describe.each([
  ["state", STATE],
  ["promise", PROMISE],
])("a %s", (_, path) => {
  test.each(STRANGE)("%s that is %s is set aside, without waiting for anybody", (__, ___, make) => {
    rmSync(at(path), { force: true, recursive: true });
    make(at(path));
    const began = performance.now();
    expectSetAside(path);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

test.each<readonly [what: string, change: (image: string) => void, missing: boolean]>([
  ["is not there", (image) => rmSync(image, { recursive: true }), true],
  [
    "is a file",
    (image) => {
      rmSync(image, { recursive: true });
      writeFileSync(image, "x");
    },
    true,
  ],
  [
    "is a link",
    (image) => {
      rmSync(image, { recursive: true });
      symlinkSync("/etc", image);
    },
    true,
  ],
])("BS5 a state whose tree %s is reported as missing", (_, change, missing) => {
  change(`${world.roots.images}/group/app`);
  expect(start().found).toMatchObject([{ path: "/key/group/app", missing }]);
});

test("BS6 a promise beside a state, a promise alone, and a temporary of neither", () => {
  writeFileSync(at(PROMISE), encodeIntent(stateOf(OTHER, 9), "s9", "replace"));
  writeFileSync(at("signatures/key/group/.tmp.app.state.x"), "x");
  expect(start().found).toMatchObject([
    {
      committed: { image: sealed.index.image },
      intent: { stage: "s9", mode: "replace", state: { image: OTHER } },
    },
  ]);
  expect([...world.tree(world.roots.db).keys()].filter((name) => name.includes(".tmp."))).toEqual([]);
  world.restart();
  rmSync(at(STATE));
  expect(start().found).toMatchObject([{ committed: null, intent: { stage: "s9" } }]);
});

test("BS7 a directory that has no state is left alone", () => {
  mkdirSync(`${world.roots.images}/group/theirs/sub`, { recursive: true });
  const { found, problems } = start();
  expect([found.map(({ path }) => path), problems]).toEqual([["/key/group/app"], []]);
  expect([...world.tree(world.roots.images).keys()]).toContain("group/theirs/sub");
});

test("BS8 a floor that cannot be read is set aside, and the state stays", () => {
  writeFileSync(at("signatures/key/group/app.floor"), "x");
  const { found, problems } = start();
  expect(found).toMatchObject([{ committed: { image: sealed.index.image }, missing: false }]);
  expect(problems).toEqual([expect.stringMatching(/app\.floor cannot be read as a floor; kept as \./)]);
});

test("BS9 a promise of 0.6.12 for an image called foo.new is that of foo, which it takes it for too", () => {
  writeFileSync(at("signatures/key/group/foo.new.state"), encodeState(stateOf(OTHER, 9)));
  expect(start().found.map(({ path, intent }) => [path, intent?.state.image])).toContainEqual([
    "/key/group/foo",
    OTHER,
  ]);
});

test("BS11 a second server is told that the database is taken", () => {
  start();
  expect(run(world, recoverRequest(world, "r2"))).toMatchObject({ ok: false, code: "locked" });
});

test("BS14 names that are no names of images are told, and the rest is read", () => {
  const folder = at("signatures/key/group");
  writeFileSync(
    Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff]), Buffer.from(".state")]),
    whole(),
  );
  writeFileSync(`${folder}/.state`, whole());
  const { found, problems } = start();
  expect(found.map(({ path }) => path)).toEqual(["/key/group/app" as VPath]);
  expect(problems).toEqual([expect.stringContaining("is of no name")]);
});
