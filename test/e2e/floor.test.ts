/** A state that is damaged while its server is down: who sends an older signature again turns nothing back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { fromHex, toHex } from "../../kernel/text.ts";
import type { VPath } from "../../kernel/ids.ts";
import { versionOf } from "../../kernel/winner.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Response } from "../../kernel/wire/message.ts";
import { decodeState } from "../../kernel/wire/state-file.ts";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.33");
  await rig.startAll(1);
});
afterAll(() => rig.close());

const PATH = "/site/app" as VPath;
const stateFile = (server = 1): string => rig.path(`server-${server}/db/signatures/site/app.state`);
const shown = (server = 1): string => readFileSync(`${rig.rootOf(server)}/app/file`, "utf8");

async function publish(text: string, server = 1): Promise<void> {
  const source = rig.path("source");
  mkdirSync(source, { recursive: true });
  writeFileSync(`${source}/file`, text);
  const ended = await rig.sync("--replace", `${source}:${PATH}`, rig.addressOf(server));
  expect(ended.status, ended.stderr).toBe(0);
}

/** What the state says is sent as a client would send it. */
async function replay(state: Uint8Array): Promise<Response> {
  const decoded = decodeState(state);
  const version = decoded.ok ? versionOf(decoded.value) : null;
  if (version === null) throw new Error("a state has a version");
  const { image, timestamp, signatures } = version;
  const socket = new WebSocket(`ws://${rig.addressOf(1)}:${rig.port}/`);
  await new Promise((done) => socket.once("open", done));
  const request = { type: "ReplaceDir", path: PATH, image, timestamp, signatures, oldImage: null } as const;
  socket.send(encodeFrame({ kind: "request", id: 1, request }));
  const bytes = await new Promise<Buffer>((done) => socket.once("message", done));
  socket.close();
  const frame = decodeFrame(fromHex(toHex(bytes)));
  if (!frame.ok || frame.message.kind !== "response") throw new Error("no answer");
  return frame.message.response;
}

const problems = async (server = 1): Promise<readonly string[]> =>
  ((await rig.page(server)) as { problems: { what: string }[] }).problems.map(({ what }) => what);

test("an old upload is refused, the bytes stay, the operator is told, and a new upload ends it", async () => {
  await publish("old");
  const old = readFileSync(stateFile());
  await publish("new");
  await rig.stop(1);
  writeFileSync(stateFile(), "x");
  await rig.start(1);
  expect(await replay(old)).toMatchObject({ accepted: false, reason: "older_than_present" });
  expect(shown()).toBe("new");
  expect(await problems()).toEqual([
    expect.stringContaining("app.state cannot be read as a state"),
    expect.stringContaining("the state is lost of what was published here"),
  ]);
  await publish("new");
  expect([shown(), await problems()]).toEqual(["new", []]);
});

test("another server brings back what was published, though its tree stands there", async () => {
  for (const each of [2, 3]) rig.configure(each, [2, 3]);
  await Promise.all([rig.start(2), rig.start(3)]);
  await publish("kept", 2);
  await until("both have it", () => existsSync(stateFile(3)) && existsSync(stateFile(2)));
  await rig.stop(2);
  writeFileSync(stateFile(2), "x");
  await rig.start(2);
  await until("its state is there again", () => existsSync(stateFile(2)));
  await until("nothing is wrong", async () => (await problems(2)).length === 0);
  expect(shown(2)).toBe("kept");
  await until("nothing is left over", () => readdirSync(rig.rootOf(2)).join(" ") === "app");
});
