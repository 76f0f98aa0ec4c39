/** The page of one base directory. */
import { expect, test } from "vitest";
import type { VPath } from "../../kernel/ids.ts";
import { listPagePath } from "../../kernel/page.ts";
import { statusPage } from "../../kernel/status.ts";
import { createRig, found, imageOf, pathOf, stateOf, WALL } from "./rig.ts";

test("a directory has its page under its own path, and under no other spelling of it", () => {
  const rig = createRig();
  rig.start([found(pathOf("x"), stateOf(imageOf(1), WALL))]);
  const asked = rig.pending.length;
  for (const path of ["/list-dir/site", "/list-dir/site/"])
    expect(statusPage(rig.node, path)).toMatchObject({ x: { image: imageOf(1) } });
  for (const path of [
    "site/../site",
    "site/../site/",
    "./site",
    "/site",
    "../site",
    "site/.",
    "site//",
    "other/../site",
  ])
    expect(statusPage(rig.node, `/list-dir/${path}`), path).toBeNull();
  expect(rig.pending).toHaveLength(asked);
});

test.each([
  ["plain", "/list-dir/plain"],
  ["50%", "/list-dir/50%"],
  ["a b", "/list-dir/a%20b"],
  ["a%20b", "/list-dir/a%20b"],
  ["größe #1?", "/list-dir/gr%C3%B6%C3%9Fe%20%231%3F"],
  ["100% of", "/list-dir/100%25%20of"],
])("the page of a directory called %j is asked for as %s", (key, asked) => {
  const path = `/${key}` as VPath;
  expect(listPagePath(path)).toBe(asked);
  const rig = createRig({ keys: [key] });
  rig.start([found(`${path}/x` as VPath, stateOf(imageOf(1), WALL))]);
  expect(statusPage(rig.node, asked)).toMatchObject({ x: { image: imageOf(1) } });
});
