/** One file of a directory changed on a hundred real servers, by a client that knows one of them. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { plant, Rig, until } from "../e2e/rig.ts";

const SERVERS = Array.from({ length: 100 }, (_, at) => at + 1);
const AT_ONCE = 4; // more of them starting would only wait for each other
const MINUTES = 60_000;

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.92");
  for (const each of SERVERS) rig.configure(each, SERVERS);
  for (let at = 0; at < SERVERS.length; at += AT_ONCE)
    await Promise.all(SERVERS.slice(at, at + AT_ONCE).map((each) => rig.start(each)));
}, 5 * MINUTES);
afterAll(() => rig.close());

const on = (server: number, file: string) => {
  try {
    return readFileSync(`${rig.rootOf(server)}/current/${file}`, "utf8");
  } catch {
    return null;
  }
};
const everywhere = (file: string, content: string) => SERVERS.every((each) => on(each, file) === content);

test("sync, edit and put-file, each until a hundred servers have said that they hold it", {
  timeout: 10 * MINUTES,
}, async () => {
  const hosts = SERVERS.slice(0, 3).map((each) => rig.addressOf(each));
  const all = ["--confirm", String(SERVERS.length), "--deadline", "120s"];
  const source = plant(rig.path("source"), { "data.json": "1\n", other: "other ".repeat(20_000) });
  const sent = await rig.sync("--replace", `${source}:/site/current`, ...all, ...hosts);
  expect([sent.status, sent.stderr]).toEqual([0, expect.stringContaining("confirmed by 100 hosts")]);
  expect(everywhere("data.json", "1\n")).toBe(true);

  const [host = ""] = hosts;
  const editor = { CIRUELA_EDITOR: rig.script('echo 2 > "$1"') };
  const words = rig.signed("edit", "-d", "/site/current", "-f", "/data.json", ...all, host);
  const edited = await rig.client(words, editor);
  expect([edited.status, edited.stderr]).toEqual([0, expect.stringContaining("confirmed by 100 hosts")]);
  expect(everywhere("data.json", "2\n")).toBe(true);

  const local = rig.path("local");
  writeFileSync(local, "3\n");
  const put = await rig.client(
    rig.signed(
      "put-file",
      "-d",
      "/site/current",
      "-s",
      local,
      "-f",
      "/data.json",
      "--deadline",
      "120s",
      host,
    ),
  );
  expect([put.status, put.stderr]).toEqual([0, expect.stringContaining("fetched from")]);
  await until("all have it", () => everywhere("data.json", "3\n"), 2 * MINUTES);
  expect(everywhere("other", "other ".repeat(20_000))).toBe(true);
});
