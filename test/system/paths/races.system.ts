/**
 * A million times a folder on the way to an image becomes a link to a place outside, and a folder again, while images are
 * stored and deleted below it: nothing outside is written, made or deleted, whatever the moment. Needs Debian's gcc.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { endOf, type Ended } from "../../e2e/rig.ts";
import { placeAt, plant, realWorld, recoverRequest, run, seal, upload } from "../../storage/world.ts";
import { expectNeeds } from "../rig/needs.ts";

const FLIPS = 1_000_000;
const IN_MEMORY = "/dev/shm"; // names are swapped fastest there
const SOURCE = new URL("flip.c", import.meta.url).pathname;

test("BF4 a million swaps of a parent for a link: no byte outside of the base", {
  timeout: 300_000,
}, async () => {
  expectNeeds("cc");
  const place = mkdtempSync(join(IN_MEMORY, "ciruela-races-"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = place;
  const world = await realWorld();
  try {
    const flip = join(place, "flip");
    execFileSync("cc", ["-O2", "-o", flip, SOURCE]);
    const outside = join(place, "outside");
    mkdirSync(join(outside, "app"), { recursive: true });
    writeFileSync(join(outside, "app/file"), "theirs");
    const folder = join(world.roots.images, "group");
    const other = join(world.roots.images, "other");
    mkdirSync(folder);
    symlinkSync(outside, other);
    plant(world, world.roots.source, { file: "ours", "in/other": "ours, too" });
    const sealed = seal(world);
    const flipped: Ended[] = [];
    void endOf(spawn(flip, [folder, other, String(FLIPS)])).then((ended) => flipped.push(ended));
    let [stored, refused] = [0, 0];
    for (let nth = 0; flipped.length === 0; nth++) {
      try {
        upload(world, { place: placeAt(world), sealed, stage: `s${nth}`, mode: "replace" });
        stored += 1;
      } catch {
        refused += 1;
      }
      run(world, { kind: "delete_old", place: placeAt(world), stage: `s${nth}` });
      await setImmediate();
    }
    expect(flipped).toMatchObject([{ status: 0 }]);
    expect([stored > 0, refused > 0]).toEqual([true, true]);
    expect(readdirSync(outside)).toEqual(["app"]);
    expect(readdirSync(join(outside, "app"))).toEqual(["file"]);
    expect(readFileSync(join(outside, "app/file"), "utf8")).toBe("theirs");
    process.stdout.write(`${FLIPS} swaps, ${stored} images stored, ${refused} refused\n`);
    world.restart();
    expect(run(world, recoverRequest(world)).ok).toBe(true);
  } finally {
    world.restart();
    process.env["TMPDIR"] = before;
    if (before === undefined) delete process.env["TMPDIR"];
    rmSync(place, { recursive: true });
  }
});
