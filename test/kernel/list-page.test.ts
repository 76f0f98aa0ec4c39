/** The page of one base directory. */
import { expect, test } from "vitest";
import { statusPage } from "../../kernel/status.ts";
import { createRig, imageOf, pathOf, WALL } from "./rig.ts";

test("a directory has its page under its own path, and under no other spelling of it", () => {
  const rig = createRig();
  const signatures = [{ timestamp: WALL, bytes: new Uint8Array(64) }];
  const committed = { image: imageOf(1), signatures };
  rig.start([{ path: pathOf("x"), committed, missing: false, intent: null, floor: null }]);
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
