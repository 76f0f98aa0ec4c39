/** An image that the file system of its destination cannot hold under its names. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { ImageId } from "../../kernel/ids.ts";
import { statusPage } from "../../kernel/status.ts";
import { createRig, imageOf, indexOf, pathOf, sentFrames, stageLacking, WALL } from "./rig.ts";

const A = imageOf(7);
const HOUR_MS = 3_600_000;

/** An upload of a client whose index is here. */
function preparing() {
  const rig = createRig({ peers: 0 });
  rig.start();
  rig.open(2);
  rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image: A } });
  rig.upload(2, 1, "x", A);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(A, 3) });
  const problems = () => (statusPage(rig.node, "/status/") as { problems: unknown }).problems;
  const isAvoided = (image: ImageId) => rig.node.avoided.has(`${pathOf("x")} ${image}`);
  return { rig, problems, isAvoided };
}

test.each([
  ["BI19 BF10", "index_conflict", "/README and /readme are one name", /rename one in the source, or keep/],
  ["BF10", "index_name_too_long", "no name of 200 bytes, as /n", /shorten it in the source, or keep/],
  ["BF10", "name_too_long", "no name of 230 bytes, as x", /give the image a shorter name, or keep/],
] as const)("%s %s: told with what to do, given up before a block is asked for", (_, code, detail, todo) => {
  const { rig, problems } = preparing();
  const stage = rig.node.downloads.get(pathOf("x"))?.intent.stage;
  const effects = rig.disk("prepare_stage", { ok: false, code, detail });
  expect(sentFrames(effects)).toMatchObject([
    { notification: { type: "AbortedImage", path: pathOf("x"), image: A, reason: code } },
  ]);
  const [one] = problems() as { about: string; what: string }[];
  expect(one).toEqual({ about: "download /site/x", what: expect.stringMatching(todo) });
  expect(one?.what).toContain(`${code}: ${detail}; `);
  expect(one?.what).toMatch(/; it is given up here, and tried again later$/);
  expect(effects).toContainEqual(expect.objectContaining({ kind: "trace", mark: "problem" }));
  expect(rig.node.downloads.size).toBe(0);
  expect(rig.pending.map(({ request }) => request)).toMatchObject([{ kind: "abort", stage }]);
});

test("other answers about a stage are passing ones: it is tried again", () => {
  const { rig, problems } = preparing();
  rig.disk("prepare_stage", { ok: false, code: "no_space", detail: "" });
  expect(problems()).toMatchObject([{ what: expect.stringMatching(/then it goes on by itself$/) }]);
  expect(rig.node.downloads.size).toBe(1);
  rig.wait(1_000);
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["load_index"]);
});

test("what others offer is not taken again for an hour; then the problem is gone, until it is told anew", () => {
  const { rig, problems, isAvoided } = preparing();
  rig.disk("prepare_stage", { ok: false, code: "index_conflict", detail: "" });
  rig.done("abort");
  for (let ms = 0; ms < HOUR_MS - 1_000; ms += 60_000) rig.wait(Math.min(60_000, HOUR_MS - 1_000 - ms));
  expect([isAvoided(A), problems()]).toMatchObject([true, [{ about: "download /site/x" }]]);
  for (let second = 0; second < 3; second++) rig.wait(1_000);
  expect([isAvoided(A), problems()]).toEqual([false, []]);
});

test("what nobody has is taken again as soon as ever", () => {
  const rig = createRig({ peers: 0 });
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "x", A);
  rig.done("put_intent");
  rig.disk("load_index", { ok: false, code: "index_missing", detail: "" });
  rig.feed({ kind: "conn_closed", conn: 2 as never, why: "closed" });
  for (let ms = 0; ms < DEFAULT_LIMITS.indexFetchMs + 2_000; ms += 1_000) rig.wait(1_000);
  expect(rig.node.avoided.size).toBe(1);
  for (let ms = 0; ms < 121_000; ms += 1_000) rig.wait(1_000);
  expect(rig.node.avoided.size).toBe(0);
});

test("a client that sends it once more is answered at once, and another image takes its place", () => {
  const { rig, problems } = preparing();
  rig.disk("prepare_stage", { ok: false, code: "index_conflict", detail: "" });
  rig.done("abort");
  rig.upload(2, 2, "x", A, WALL + 1);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(A, 3) });
  const again = rig.disk("prepare_stage", { ok: false, code: "index_conflict", detail: "" });
  expect(sentFrames(again)).toMatchObject([
    { notification: { type: "AbortedImage", reason: "index_conflict" } },
  ]);
  rig.done("abort");
  rig.upload(2, 3, "x", imageOf(8), WALL + 2);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(imageOf(8), 1) });
  rig.done("prepare_stage", stageLacking(1, []));
  rig.done("commit");
  expect(problems()).toEqual([]);
});
