/** The operator's folder under a running server: what a look and a reload take from it, with real files. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { readFolder } from "../../adapters/config/folder.ts";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { createLiveFolder, type LiveFolder, type Look } from "../../adapters/daemon/live-folder.ts";
import { createLog } from "../../adapters/log.ts";

const home = mkdtempSync(join(tmpdir(), "ciruela-live-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const log = createLog({ level: "silent", machine: null, write: () => {}, mono: () => 0 });
const write = (name: string, text: string) => writeFileSync(join(home, name), text);
const yaml = (levels: number | string) =>
  `directory: ${home}/site\nappend-only: false\nnum-levels: ${levels}\n`;
const key = () => `${newKeyPair("test").public}\n`;

let live: LiveFolder;
beforeEach(() => {
  mkdirSync(join(home, "configs"), { recursive: true });
  write("configs/site.yaml", yaml(1));
  write("master.key", key());
  write("peers.txt", "n1\n");
  const read = readFolder(home);
  if (!read.ok) throw new Error("the folder is sound");
  live = createLiveFolder(home, read.folder);
  expect(summary(live.look(log))).toEqual(["keys_changed", "peers n1"]);
});

/** Which sets have changed, and what is complained of. */
function summary({ events, peers }: Look): readonly string[] {
  return [
    ...events.map((event) =>
      event.kind === "files_kept" ? `${event.files}: ${event.why ?? "sound"}` : event.kind,
    ),
    ...(peers === null ? [] : [`peers ${peers.map(({ host }) => host).join(" ")}`]),
  ];
}

test("a reload takes configs, keys and peers together", () => {
  write("configs/site.yaml", yaml(2));
  write("master.key", key());
  write("peers.txt", "n2\n");
  expect(summary(live.reload(log))).toEqual(["config_changed", "keys_changed", "peers n2"]);
});

test.each([
  ["configs/site.yaml", yaml("none"), /site\.yaml:3:13/],
  ["master.key", "no key\n", /master\.key:1:1/],
] as const)(
  "with a mistake in %s it takes none of the three, nor do the looks that follow, until that is mended",
  (wrong, text, says) => {
    const kept = readFileSync(join(home, wrong), "utf8");
    write("configs/site.yaml", yaml(2));
    write("peers.txt", "n2\n");
    if (wrong !== "master.key") write("master.key", key());
    write(wrong, text);
    expect(summary(live.reload(log))).toEqual([expect.stringMatching(says)]);
    write("peers.txt", "n3\n");
    expect(summary(live.look(log))).toEqual([]);
    write(wrong, kept);
    // Keys and peers count again by themselves; the directories wait for the next reload.
    expect(summary(live.look(log))).toEqual([
      ...(wrong === "master.key" ? [] : ["keys_changed"]),
      "peers n3",
    ]);
    expect(summary(live.reload(log))).toEqual(["config_changed", "configuration: sound"]);
  },
);

test("peers that cannot be read hold back the others", () => {
  write("configs/site.yaml", yaml(2));
  rmSync(join(home, "peers.txt"));
  mkdirSync(join(home, "peers.txt"));
  expect(summary(live.reload(log))).toEqual([expect.stringMatching(/^configuration: .*peers\.txt/)]);
  rmSync(join(home, "peers.txt"), { recursive: true });
  write("peers.txt", "n1\n");
  expect(summary(live.reload(log))).toEqual(["config_changed", "configuration: sound"]);
});

test("without a reload, a mistake among the keys keeps the keys alone", () => {
  write("master.key", "no key\n");
  write("peers.txt", "n4\n");
  expect(summary(live.look(log))).toEqual([expect.stringMatching(/^keys: .*master\.key:1:1/), "peers n4"]);
});
