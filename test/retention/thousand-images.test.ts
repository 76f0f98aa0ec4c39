/**
 * A thousand images on servers whose clocks are a minute apart, by `keep-min 2, keep-max 100, keep-recent 1 day` and a keep
 * list. Some become old while they are judged, at another moment on each server.
 */
import { expect, test } from "vitest";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { createRig, imageOf, pathOf, type Rig, WALL } from "../kernel/rig.ts";

const [IMAGES, KEEP_MAX, DAY_MS] = [1_000, 100, 86_400_000];
const SETTINGS = {
  autoClean: true,
  keepMin: 2,
  keepMax: KEEP_MAX,
  keepRecentMs: DAY_MS,
  keepListFile: "/keep",
};
const SOON_MS = 90_000; // what is younger than a day by less is old at the end, by the clock of everybody
const CLOCKS = [-30_000, 0, 30_000];

type Image = { readonly name: string; readonly age: number; readonly listed: boolean };

/** Ages in another order than names: so many that stay recent, ten that become old, and all others old. */
function images(recent: number): readonly Image[] {
  return Array.from({ length: IMAGES }, (_, at) => {
    const rank = (at * 377) % IMAGES;
    const soon = rank - recent;
    const age =
      rank < recent ? rank * 60_000 : soon < 10 ? DAY_MS - soon * 5_000 : DAY_MS + 60_000 + rank * 60_000;
    return { name: `v${String(at).padStart(4, "0")}`, age, listed: at % 25 === 3 };
  });
}

/** Removes from its disk what it is asked to, for some seconds; the names. */
function removedBy(rig: Rig, seconds: number): readonly string[] {
  const removed: string[] = [];
  for (let second = 0; second < seconds; second++) {
    rig.wait(1_000);
    for (;;) {
      const next = rig.pending.find(({ request }) => request.kind === "remove");
      if (next?.request.kind !== "remove") break;
      removed.push(next.request.place.path);
      rig.done("remove");
    }
  }
  return removed;
}

test.each([
  ["more recent ones than may stay", 150],
  ["fewer", 60],
])("all servers keep the same of %s, what is listed always, and everything without a list", (_, recent) => {
  const all = images(recent);
  const found = all.map(({ name, age }, at): FoundImage => {
    const signatures = [{ timestamp: WALL - age, bytes: new Uint8Array(64) }];
    const committed = { image: imageOf(at), signatures };
    return { path: pathOf(name), committed, missing: false, intent: null, floor: null, published: null };
  });
  const listed = all.filter((each) => each.listed).map(({ name }) => pathOf(name));
  // By counting, not by the selection: the newest of those that are younger than a day, and what is listed.
  const stays = ({ age, listed: named }: Image) =>
    named || (age < DAY_MS - SOON_MS && all.filter((other) => other.age < age).length < KEEP_MAX);
  const gone = all.filter((each) => !stays(each)).map(({ name }) => pathOf(name));
  for (const clock of CLOCKS) {
    const rig = createRig({ settings: SETTINGS });
    rig.setClock(clock);
    rig.start(found);
    expect(removedBy(rig, 35)).toEqual([]); // nobody has read the list
    rig.feed({ kind: "keep_list", key: "site", paths: null });
    expect(removedBy(rig, 35)).toEqual([]);
    expect([...rig.node.problems.keys()]).toEqual(["keep list of site"]);
    rig.feed({ kind: "keep_list", key: "site", paths: listed });
    expect(removedBy(rig, SOON_MS / 1_000 + 60).toSorted()).toEqual(gone.toSorted());
    expect([...rig.node.problems.keys()]).toEqual([]);
  }
});
