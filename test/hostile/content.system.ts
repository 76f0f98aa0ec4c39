/**
 * Somebody without a key tries to change what is synchronised, or to read what is not: attacks T1 to T7, T15 and T16 of
 * the reliability notes, over real sockets against real servers.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../e2e/rig.ts";
import type { BlockHash, ImageId, VPath } from "../../kernel/ids.ts";
import { toHex } from "../../kernel/text.ts";
import type { Request, Response, Upload } from "../../kernel/wire/message.ts";
import { Link } from "./attacker.ts";
import { CURRENT, Victims } from "./victims.ts";

const BLOCK_BYTES = 32_768;
const LIARS = 16;
const FILES = { "data.json": '{"rate": 2}\n', "in/large": "larger ".repeat(40_000) };

let victims: Victims;
beforeAll(async () => {
  victims = await Victims.create("127.0.44");
});
afterAll(() => victims.close());

const link = (answer?: (request: Request) => Response | null) =>
  Link.to(victims.rig.addressOf(1), victims.rig.port, answer);

/** The id of a tree that nobody has uploaded: the client says it before it finds nobody. */
async function idOf(source: string): Promise<ImageId> {
  const { rig } = victims;
  const { stdout } = await rig.sync("--json", "-t", "1s", "--append", `${source}:/site/x`, rig.addressOf(99));
  return (/"image":"([0-9a-f]{64})"/.exec(stdout)?.[1] ?? "") as ImageId;
}

/** The upload that is in force at a path, as everybody may ask for it. */
async function stateOf(path: string): Promise<Upload> {
  const asker = await link();
  const answer = await asker.ask({ type: "GetBaseDir", path: "/site" as VPath });
  asker.close();
  if (answer?.type !== "GetBaseDir") throw new Error(`no listing: ${JSON.stringify(answer)}`);
  const state = new Map(answer.listing).get(path.slice("/site/".length));
  const [first] = state?.signatures ?? [];
  if (state === undefined || first === undefined) throw new Error(`${path} is not listed`);
  const { timestamp } = first;
  return { path: path as VPath, image: state.image, timestamp, signatures: [first.bytes] };
}

const LIES = [
  ["a false index", "index"],
  ["false blocks", "block"],
  ["blocks of another length", "length"],
  ["nothing", "silence"],
] as const;

async function announced(image: ImageId, lie: string): Promise<readonly Link[]> {
  const liars = await Promise.all(
    Array.from({ length: LIARS }, () => link((request) => liesOf(lie, request))),
  );
  for (const liar of liars) liar.say({ kind: "notification", notification: { type: "PublishImage", image } });
  const heard = await Promise.all(liars.map((liar) => liar.heard()));
  expect(heard).toEqual(liars.map(() => "answered"));
  return liars;
}

const countOf = (liars: readonly Link[]): number => liars.reduce((sum, { asked }) => sum + asked.length, 0);

test.each(LIES)("T1, T2: who announces an image and would give %s is not even asked", async (what, lie) => {
  const name = `wanted-${lie}`;
  const files = { ...FILES, own: lie };
  const liars = await announced(await idOf(victims.tree(name, files)), lie);
  await victims.upload(name, files);
  expect(countOf(liars)).toBe(0);
  for (const liar of liars) liar.close();
  await victims.judge(
    `T1, T2: ${LIARS} connections announce an image that somebody uploads, and would give ${what}`,
    "not asked; the upload is as quick as ever",
  );
});

test.each(LIES)(
  "T1, T2: who is asked because the uploader has gone, and gives %s, changes nothing",
  async (what, lie) => {
    const { rig } = victims;
    const name = `left-${lie}`;
    const files = { large: `${lie} is large `.repeat(1_000_000), small: lie };
    const source = victims.tree(name, files);
    const liars = await announced(await idOf(source), lie);
    const uploader = rig.spawnClient(
      rig.signed("sync", "--json", "--replace", `${source}:/site/${name}`, rig.addressOf(1)),
    );
    let said = "";
    uploader.stdout?.on("data", (bytes: Buffer) => (said += bytes.toString()));
    await until("it is accepted", () => said.includes('"accepted"'));
    uploader.kill("SIGKILL");
    await until("the liars are asked", () => countOf(liars) > 0);
    const asked = countOf(liars);
    await victims.upload(name, files);
    for (const liar of liars) liar.close();
    await victims.judge(
      `T1, T2: the same when the uploader has gone, and they do give ${what}`,
      `at least ${asked} ${asked === 1 ? "request" : "requests"}; the next upload of the image ends with the right content`,
    );
  },
);

function liesOf(lie: string, request: Request): Response | null {
  if (lie === "silence") return null;
  if (request.type === "GetIndex") {
    const text = `DIRSIGNATURE.v1 blake2b/256 block_size=${BLOCK_BYTES}\n/\n  evil f 0\n${request.image}\n`;
    return lie === "index" ? { type: "GetIndex", data: Buffer.from(text) } : null;
  }
  if (request.type !== "GetBlock") return null;
  return {
    type: "GetBlock",
    data: new Uint8Array(lie === "length" ? BLOCK_BYTES * 2 : BLOCK_BYTES).fill(0x65),
  };
}

test("T3: nobody reads what no index lists", async () => {
  const { rig, outside } = victims;
  const secret = readFileSync(join(outside, "secret")).subarray(0, BLOCK_BYTES);
  // In the image directory too, and in no index.
  writeFileSync(join(rig.rootOf(1), "current/unlisted"), secret);
  const hash = toHex(blake2b(secret, { dkLen: 32 })) as BlockHash;
  const up = "/..".repeat(12);
  const reader = await link();
  const files = [
    `${up}${outside}/secret`,
    `${outside}/secret`,
    "/unlisted",
    "/../unlisted",
    "/in/../unlisted",
    "/./unlisted",
    "",
    "/",
    "/in",
    "/data.json",
  ];
  let tried = 0;
  for (const path of ["/site/current", "/site/nothing", "/other/path"]) {
    for (const file of files) {
      const answer = await reader.ask({
        type: "GetBlock",
        hash,
        hint: { path: path as VPath, file, offset: 0 },
      });
      expect(answer?.type).toBe("Error");
      tried += 1;
    }
  }
  expect((await reader.ask({ type: "GetBlock", hash, hint: null }))?.type).toBe("Error");
  // What is listed is given to everybody: the connection is a sound one.
  const listed = readFileSync(join(rig.rootOf(1), "current/data.json"));
  const real = await reader.ask({
    type: "GetBlock",
    hash: toHex(blake2b(listed, { dkLen: 32 })) as BlockHash,
    hint: { path: "/site/current" as VPath, file: "/data.json", offset: 0 },
  });
  expect(real?.type).toBe("GetBlock");
  reader.close();
  rmSync(join(rig.rootOf(1), "current/unlisted"));
  await victims.judge(
    "T3: blocks of files outside, above, or in no index, whose hash is known",
    `${tried + 1} refused`,
  );
});

test("T6, T7, T15: an old signature brings nothing back", async () => {
  const { rig } = victims;
  await victims.upload("rolled", { file: "first" });
  const old = await stateOf("/site/rolled");
  await victims.upload("rolled", { file: "second" });
  const replayer = await link();
  const answers: string[] = [];
  for (const request of [
    { type: "ReplaceDir", oldImage: null, ...old },
    { type: "ReplaceDir", oldImage: (await stateOf("/site/rolled")).image, ...old },
    { type: "AppendDir", ...old },
    { type: "AppendDir", ...old, path: "/site/elsewhere" as VPath },
    { type: "ReplaceDir", oldImage: null, ...old, timestamp: Date.now() },
  ] as const) {
    const answer = await replayer.ask(request);
    if (answer?.type !== "AppendDir" && answer?.type !== "ReplaceDir")
      throw new Error(JSON.stringify(answer));
    expect(answer.accepted).toBe(false);
    answers.push(answer.reason ?? "");
  }
  replayer.close();
  expect(readFileSync(join(rig.rootOf(2), "rolled/file"), "utf8")).toBe("second");
  await victims.judge(
    "T6, T7, T15: an old upload sent again, as replace, as append, at another path, with another time",
    [...new Set(answers)].map((each) => `\`${each}\``).join(", "),
  );
});

test("T16: a signature that verifies with nothing spoils no good one", async () => {
  const good = await stateOf("/site/current");
  const poisoner = await link();
  const answers = new Map<string, number>();
  const poisonWith = async (signatures: readonly Uint8Array[]): Promise<void> => {
    const answer = await poisoner.ask({ type: "ReplaceDir", oldImage: null, ...good, signatures });
    if (answer?.type !== "ReplaceDir") throw new Error(`not answered: ${JSON.stringify(answer)}`);
    const what = answer.accepted ? "taken as known" : `\`${answer.reason}\``;
    answers.set(what, (answers.get(what) ?? 0) + 1);
  };
  for (let byte = 0; byte < 15; byte++) {
    const poison = new Uint8Array(64).fill(byte);
    await poisonWith([poison, ...good.signatures]);
    await poisonWith([poison]);
  }
  poisoner.close();
  // A server that is new verifies the list that it gets.
  const { rig } = victims;
  rig.configure(4, [1, 2]);
  await rig.start(4);
  await until("the new server has it", () => victims.has(4, "current", CURRENT));
  await rig.stop(4);
  await victims.judge(
    "T16: a known upload again with a foreign signature before the good one, and with that alone, fifteen times each",
    `${[...answers].map(([what, count]) => `${count} ${what}`).join(", ")}; a new server gets the image`,
  );
});
