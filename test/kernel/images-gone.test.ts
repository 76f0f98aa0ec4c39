/** States whose trees are not on the disk at the start: a file system that is not mounted looks like that, too. */
import { expect, test } from "vitest";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { createRig, imageOf, pathOf, WALL } from "./rig.ts";

const ABOUT = "images of site";

function found(name: string, missing: boolean): FoundImage {
  const signatures = [{ timestamp: WALL, bytes: new Uint8Array(64) }];
  return {
    path: pathOf(name),
    committed: { image: imageOf(1), signatures },
    missing,
    intent: null,
    floor: null,
    published: null,
  };
}

test("when none is there it is asked whether their file system is mounted", () => {
  const rig = createRig();
  rig.start([found("a", true), found("b", true)]);
  expect([...rig.node.problems]).toEqual([
    [
      ABOUT,
      "2 of 2 images are not in /srv/site: they are fetched again; if its file system is not mounted, stop, mount it, and start",
    ],
  ]);
});

test("when some are there they are only counted, and it is over with the last of them", () => {
  const rig = createRig();
  rig.start([found("a", true), found("b", false), found("c", true)]);
  expect([...rig.node.problems]).toEqual([
    [ABOUT, "2 of 3 images are not in /srv/site: they are fetched again"],
  ]);
  const failed = { ok: false, code: "io", detail: "" } as const; // then it counts as never here
  rig.disk("put_intent", failed);
  expect([...rig.node.problems.keys()]).toEqual([ABOUT]);
  rig.disk("put_intent", failed);
  expect([...rig.node.problems]).toEqual([]);
});

test("with all of them there nothing is told, nor of a directory that is not served any more", () => {
  const rig = createRig();
  rig.start([found("a", false)]);
  expect([...rig.node.problems]).toEqual([]);
  const other = createRig();
  other.start([found("a", true)]);
  other.feed({ kind: "config_changed", directories: [] });
  expect([...other.node.problems]).toEqual([]);
});
