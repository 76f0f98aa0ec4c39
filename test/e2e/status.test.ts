/** `docs/status.md` against a server that runs. */
import { readFileSync } from "node:fs";
import { ABOUTS } from "../../kernel/about.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { plant, Rig, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.63");
  await rig.startAll(2);
  const source = plant(rig.path("source"), { file: "content" });
  const sent = await rig.sync("--append", `${source}:/site/v1`, "--confirm", "2", rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
});
afterAll(() => rig.close());

const text = readFileSync("docs/status.md", "utf8");
const [first = "", second = ""] = text.split("## The others");
/** Words in code of the column of a table, row by row. */
const cells = (part: string, column: number) =>
  part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      Array.from((line.split(" | ")[column] ?? "").matchAll(/`([^`]+)`/g), (match) => match[1] ?? ""),
    );

/** Names of members, those of objects with what they are in; what has names of its own is not opened. */
function membersOf(page: object, closed: readonly string[], before = ""): readonly string[] {
  return Object.entries(page).flatMap(([name, value]: [string, unknown]) => {
    const path = `${before}${name}`;
    const opens = typeof value === "object" && value !== null && !closed.includes(path);
    return opens ? membersOf(value, closed, `${path}.`) : [path];
  });
}

test("the members of /status/ are those of its table", async () => {
  const page = (await rig.page(1)) as object;
  const [members] = first.split("Problems go");
  const documented = cells(members ?? "", 0).flat();
  expect(membersOf(page, ["conflicts", "problems", "process", "threads"]).toSorted()).toEqual(
    documented.toSorted(),
  );
  expect(page).toMatchObject({ state: "running", images: 1 });
});

test("what a problem may be of is in its table, and nothing else", () => {
  const [, problems] = first.split("Problems go");
  const [, ...documented] = cells(problems ?? "", 0).flat(); // the first is the name of the column
  expect(documented.toSorted()).toEqual([...ABOUTS].toSorted());
});

test("the other pages are there, with the members that are named", async () => {
  const rows = cells(second, 0).map((pages, at) => [pages, cells(second, 1)[at] ?? []] as const);
  const pages = rows.flatMap(([names]) => names);
  expect(pages.length).toBeGreaterThan(10);
  await until("the second has it", async () => "/site" in ((await rig.page(2, "/base-dirs/")) as object));
  for (const [names, members] of rows)
    for (const name of names) {
      const page = (await rig.page(2, name.replace("BASE", "site"))) as object;
      for (const entry of Object.values(page))
        if (typeof entry === "object" && !Array.isArray(entry) && name !== "/cluster/configs/")
          expect(members, name).toEqual(expect.arrayContaining(Object.keys(entry as object)));
    }
});
