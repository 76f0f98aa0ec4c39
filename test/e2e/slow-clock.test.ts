/** A client whose clock is behind that of whoever signed last: what it changes counts all the same, and it is told. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { plantImage, readState, stateFile } from "../interop/disk.ts";
import { tree } from "../interop/tree.ts";
import { plant, Rig } from "./rig.ts";

const PATH = "/site/current";
let rig: Rig;
let signedAt: number;
let editor: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.64");
  rig.configure(1, [1]);
  signedAt = Date.now() + 200_000; // servers take what is dated up to five minutes ahead
  const privateText = readFileSync(rig.keyFile, "utf8");
  const key = { file: rig.keyFile, privateText, publicLine: rig.publicKey };
  const db = rig.path("server-1/db");
  const folder = `${rig.rootOf(1)}/current`;
  plantImage({ db, folder, path: PATH, content: tree({ "/file": "one" }), signedAt, key });
  await rig.start(1);
  writeFileSync(rig.path("local"), "two");
  plant(rig.path("source"), { file: "four" });
  editor = rig.script('echo three > "$1"');
});
afterAll(() => rig.close());

test.each([
  ["put-file", "-d", PATH, "-s", "LOCAL", "-f", "/file"],
  ["edit", "-d", PATH, "-f", "/file"],
  ["patch", "-d", PATH, "--put", "LOCAL:/more"],
  ["sync", "--replace", `SOURCE:${PATH}`],
  ["upload", "--replace", "-d", "SOURCE"],
])("%s signs a millisecond later than what is there, and warns", async (command, ...words) => {
  const own = words.map((word) =>
    word.replace("LOCAL", rig.path("local")).replace("SOURCE", rig.path("source")),
  );
  const host = command === "upload" ? `${rig.addressOf(1)}:${PATH}` : rig.addressOf(1);
  const ended = await rig.client(rig.signed(command, ...own, host), {
    CIRUELA_EDITOR: editor,
  });
  expect(ended).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("the clock of this machine is behind what was signed last"),
  });
  signedAt += 1;
  const state = readState(stateFile(rig.path("server-1/db"), PATH));
  expect(state?.signatures.map(({ timestamp }) => timestamp)).toEqual([signedAt]);
});
