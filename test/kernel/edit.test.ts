/** Edits of an index against a slow twin over a plain object of paths, and what each of them may not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { applyEdits, type Edit } from "../../kernel/index/edit.ts";
import { parseIndex } from "../../kernel/index/parse.ts";
import { printIndex } from "../../kernel/index/print.ts";
import { pathOf } from "../../kernel/index/view.ts";
import type { ByteString } from "../../kernel/text.ts";
import { digestBytes } from "../digest.ts";
import { anyTree, indexOf, type Leaf, type Tree, treeOf } from "./trees.ts";

/** What stands at each path: a leaf of the index, something put, or a directory. */
type Node = Leaf | { readonly put: number; readonly executable: boolean } | "directory";
type World = Map<string, Node>;

function worldOf(tree: Tree): World {
  const world: World = new Map<string, Node>([["", "directory"]]);
  for (const [path, leaf] of Object.entries(tree)) {
    for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1))
      world.set(path.slice(0, end), "directory");
    world.set(path, leaf);
  }
  return world;
}

const above = (path: string) =>
  path
    .split("/")
    .slice(1, -1)
    .map((_, at, parts) => `/${parts.slice(0, at + 1).join("/")}`);
const below = (world: World, path: string) =>
  [...world.keys()].filter((each) => each === path || each.startsWith(`${path}/`));

/** The same as `applyEdits`, path by path; false when it cannot be. */
function twin(world: World, edit: Edit, number: number): boolean {
  const blocked = (path: string) =>
    above(path).some((each) => (world.get(each) ?? "directory") !== "directory");
  const make = (path: string) => {
    for (const each of above(path)) world.set(each, "directory");
  };
  if (edit.kind === "put") {
    const there = world.get(edit.path);
    if (blocked(edit.path) || there === "directory" || (there !== undefined && "target" in there))
      return false;
    make(edit.path);
    world.set(edit.path, { put: number, executable: there?.executable ?? edit.executable });
    return true;
  }
  if (edit.kind === "make_directory") {
    if (blocked(edit.path) || (world.get(edit.path) ?? "directory") !== "directory") return false;
    make(edit.path);
    world.set(edit.path, "directory");
    return true;
  }
  if (edit.kind === "remove") {
    if (!world.has(edit.path)) return false;
    for (const each of below(world, edit.path)) world.delete(each);
    return true;
  }
  if (edit.kind === "set_exec") {
    const there = world.get(edit.path);
    if (there === undefined || there === "directory" || "target" in there) return false;
    world.set(edit.path, { ...there, executable: edit.executable });
    return true;
  }
  const { from, to } = edit;
  if (!world.has(from) || world.has(to) || blocked(to) || to.startsWith(`${from}/`)) return false;
  make(to);
  for (const each of below(world, from)) {
    const node = world.get(each);
    if (node !== undefined) world.set(`${to}${each.slice(from.length)}`, node);
    if (edit.kind === "rename") world.delete(each);
  }
  return true;
}

const path = fc
  .tuple(fc.constantFrom("", "a/", "d2/", "d2/e/", "a/a/"), fc.constantFrom("a", "b", "a-", "\xe9", "e"))
  .map(([folder, own]) => `/${folder}${own}` as ByteString);
const executable = fc.boolean();
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), path, executable }),
  fc.record({ kind: fc.constantFrom("make_directory" as const, "remove" as const), path }),
  fc.record({ kind: fc.constantFrom("rename" as const, "copy" as const), from: path, to: path }),
  fc.record({ kind: fc.constant("set_exec" as const), path, executable }),
);

test("any edits of any tree do what they do to paths one by one, or are refused at the same one", () => {
  let applied = 0;
  fc.assert(
    fc.property(anyTree, fc.array(anyEdit, { maxLength: 6 }), (tree, wished) => {
      const world = worldOf(tree);
      // An edit that cannot be is tried alone, and then left out, so that the later ones are reached.
      const edits: Edit[] = [];
      for (const edit of wished) {
        const before = new Map(world);
        if (twin(world, edit, edits.length)) edits.push(edit);
        else {
          const refused = applyEdits(indexOf(tree), [...edits, edit]);
          expect(refused).toMatchObject({ ok: false, detail: String(edits.length) });
          world.clear();
          for (const [each, node] of before) world.set(each, node);
        }
      }
      const edited = applyEdits(indexOf(tree), edits);
      if (!edited.ok) throw new Error(`${edited.code} ${edited.detail}`);
      applied += edits.length;
      const { base, puts } = edited.value;
      const wanted = [...world].filter(([, node]) => node === "directory" || !("put" in node));
      const paths = Array.from({ length: base.entryCount }, (_, at) => pathOf(base, at));
      expect(new Set(paths)).toEqual(new Set(wanted.map(([each]) => (each === "" ? "/" : each))));
      const leaves = wanted.flatMap(([each, node]) =>
        node === "directory" ? [] : [[each, zeroed(node as Leaf)]],
      );
      expect(treeOf(base)).toEqual(Object.fromEntries(leaves));
      const put = [...world].flatMap(([each, node]) =>
        node !== "directory" && "put" in node ? [`${each} ${node.put} ${node.executable}`] : [],
      );
      expect(new Set(puts.map((each) => `${each.path} ${each.edit} ${each.executable}`))).toEqual(
        new Set(put),
      );
      const { text, image } = printIndex(base, digestBytes);
      expect(parseIndex(text, { image }, digestBytes)).toMatchObject({ ok: true });
    }),
    { numRuns: 500 },
  );
  expect(applied).toBeGreaterThan(300);
});

/** An empty file has no hash to tell it by. */
function zeroed(leaf: Leaf): Leaf {
  return "size" in leaf && leaf.size === 0 ? { ...leaf, mark: 0 } : leaf;
}

test("no edit is no change", () => {
  const index = indexOf({ "/a": { size: 40_000, mark: 1, executable: true }, "/d/l": { target: "x" } });
  expect(applyEdits(index, [])).toEqual({ ok: true, value: { base: index, puts: [] } });
});

const TREE: Tree = {
  "/a": { size: 5, mark: 1, executable: false },
  "/d/b": { size: 5, mark: 1, executable: false },
  "/l": { target: "a" },
};
const at = (text: string) => text as ByteString;

test.each([
  [{ kind: "remove", path: at("/x") }, "no_such_entry"],
  [{ kind: "remove", path: at("/a/x") }, "not_a_directory"],
  [{ kind: "put", path: at("/d"), executable: false }, "is_a_directory"],
  [{ kind: "put", path: at("/l"), executable: false }, "is_a_link"],
  [{ kind: "put", path: at("/l/x"), executable: false }, "not_a_directory"],
  [{ kind: "rename", from: at("/a"), to: at("/d/b") }, "already_there"],
  [{ kind: "copy", from: at("/d"), to: at("/d/d") }, "into_itself"],
  [{ kind: "copy", from: at("/d"), to: at("/a/d") }, "not_a_directory"],
  [{ kind: "rename", from: at("/d"), to: at(`/${"n".repeat(256)}`) }, "path_too_long"],
  [{ kind: "set_exec", path: at("/l"), executable: true }, "is_a_link"],
  [{ kind: "set_exec", path: at("/d"), executable: true }, "is_a_directory"],
  [{ kind: "remove", path: at("/") }, "is_the_root"],
] as const)("%j is refused as %s, with its number", (edit, code) => {
  const first = { kind: "make_directory", path: at("/new") } as const;
  expect(applyEdits(indexOf(TREE), [first, edit])).toMatchObject({ ok: false, code, detail: "1" });
});
