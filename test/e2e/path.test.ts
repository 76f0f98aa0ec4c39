/** The whole path: an odd tree to three servers, to one that was down, and to one that nobody lists. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

const BLOCK = 32_768;
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.20");
});
afterAll(() => rig.close());

function plantOddTree(root: string): void {
  const names = [
    "plain",
    "two words",
    " leading and trailing ",
    "new\nline",
    "tab\t",
    "back\\slash",
    "\\x41",
    "ünï-☂-𝕏",
    "e\u0301", // not composed
    "quote\"'`$(x)",
    "-rf",
    "\u0001control",
    "n".repeat(200),
    "#hash",
    "DIRSIGNATURE.v1",
  ];
  mkdirSync(`${root}/sub dir/deep/er`, { recursive: true });
  mkdirSync(`${root}/empty/also empty`, { recursive: true });
  mkdirSync(`${root}/new\nline dir`);
  for (const [at, name] of names.entries()) {
    writeFileSync(`${root}/${name}`, `content of ${at}`);
    writeFileSync(`${root}/sub dir/deep/${name}`, Buffer.alloc(at * 5_000, at));
  }
  // Not UTF-8: bytes are what a name is.
  writeFileSync(Buffer.from(`${root}/latin-\xe9`, "latin1"), "é");
  for (const size of [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 10 * BLOCK]) {
    writeFileSync(`${root}/new\nline dir/${size} bytes`, Buffer.alloc(size, size % 251));
  }
  writeFileSync(`${root}/run`, "#!/bin/sh\n");
  chmodSync(`${root}/run`, 0o755);
  writeFileSync(`${root}/sub dir/empty and executable`, "");
  chmodSync(`${root}/sub dir/empty and executable`, 0o700);
  symlinkSync("../no such\\place", `${root}/sub dir/link`);
  symlinkSync("/etc/passwd", `${root}/absolute`);
  symlinkSync(Buffer.from("latin-\xe9", "latin1"), `${root}/to latin`);
}

test("odd trees are the same everywhere, also on a server that was down and on one that nobody lists", async () => {
  const source = rig.path("source");
  plantOddTree(source);
  const wanted = readTree(source).digest;
  for (const server of [1, 2, 3]) rig.configure(server, [1, 2, 3]);
  await Promise.all([rig.start(1), rig.start(2)]);

  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(1));
  expect(sent).toMatchObject({ status: 0 });
  expect(sent.stdout).toMatch(/^safe to disconnect: [0-9]+ servers hold all blocks of [0-9a-f]{64}\n$/);
  const has = (server: number) => () => digestAt(`${rig.rootOf(server)}/current`) === wanted;
  await until("the second server has it", has(2));
  expect(has(1)()).toBe(true);

  await rig.start(3); // was down
  await until("the third server has caught up", has(3));

  rig.configure(4, [1, 2, 3]);
  await rig.start(4);
  await until("the fourth server has caught up", has(4));
  for (const server of [1, 2, 3, 4]) {
    await until(`server ${server} is at rest`, async () => {
      const page = (await rig.page(server)) as { downloads: number };
      return page.downloads === 0;
    });
    expect(await rig.page(server)).toMatchObject({ images: 1, problems: [] });
  }
});

test("servers that are asked to stop have stopped within five seconds, and start again with what they have", async () => {
  const began = performance.now();
  expect(await Promise.all([1, 2, 3, 4].map((each) => rig.stop(each)))).toEqual([0, 0, 0, 0]);
  expect(performance.now() - began).toBeLessThan(5_000);
  await Promise.all([1, 2, 3, 4].map((each) => rig.start(each)));
  expect(await rig.page(2)).toMatchObject({ images: 1, problems: [] });
});

function digestAt(path: string): string {
  try {
    return readTree(path).digest;
  } catch {
    return "nothing";
  }
}
