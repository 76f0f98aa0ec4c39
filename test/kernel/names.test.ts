import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseImageId, parseVPath, type VPath } from "../../kernel/ids.ts";
import { checkImageName, IMAGE_NAME_BYTES_MAX, TAG_LENGTH_MAX } from "../../kernel/path-rules.ts";
import {
  foreignName,
  imageFolders,
  imageName,
  indexFile,
  indexFolders,
  intentFile,
  stageName,
  stateFile,
  stateFolders,
  temporaryName,
  trashName,
} from "../../kernel/storage/names.ts";

const vectors: Record<string, string> = JSON.parse(readFileSync("test/vectors/paths.json", "utf8"));
const PATH = parseVPath("/project/app/v1.2.3") as VPath;
const IMAGE = parseImageId("2a74fd7919473f3dde830ee4a8e3e108a6954731a319e9198ef483f9c9e82992");

test("files lie where 0.6.12 puts and looks for them", () => {
  if (IMAGE === null) throw new Error("the vector's id");
  expect([...indexFolders(IMAGE), indexFile(IMAGE)].join("/")).toBe(vectors["index_file"]);
  expect([...stateFolders(PATH), stateFile("v1.2.3")].join("/")).toBe(vectors["state_when_complete"]);
  expect([...stateFolders(PATH), intentFile("v1.2.3")].join("/")).toBe(vectors["state_while_downloading"]);
  expect(["", "srv", "project", ...imageFolders(PATH), imageName("v1.2.3")].join("/")).toBe(
    vectors["image_directory"],
  );
});

test("what 0.6.12 may meet of ours has its prefixes of temporary names", () => {
  expect(stageName("v1", "t0")).toBe(".tmp.v1.t0");
  expect(trashName("v1", "t0")).toBe(".tmp.old.v1.t0");
  expect(foreignName("v1", "t0")).toBe(".tmp.foreign.v1.t0");
  expect(temporaryName(stateFile("v1"), "t0")).toBe(".tmp.v1.state.t0");
});

test.each([
  ["/a/.hidden", "reserved_name"],
  ["/a/.tmp.x", "reserved_name"],
  ["/a/foo.new", "reserved_name"],
  ["/a/foo.state", "reserved_name"],
  ["/a/foo.new.state", "reserved_name"],
  [`/a/${"x".repeat(IMAGE_NAME_BYTES_MAX + 1)}`, "name_too_long"],
  [`/a/${"ä".repeat(IMAGE_NAME_BYTES_MAX / 2 + 1)}`, "name_too_long"],
])("%s is refused as %s", (path, code) => {
  expect(checkImageName(parseVPath(path) as VPath)).toMatchObject({ ok: false, code });
});

test("every name of an allowed image is one component, and no two kinds of name meet", () => {
  const tag = "z".repeat(TAG_LENGTH_MAX);
  const names = fc.oneof(
    fc.string({
      minLength: 1,
      maxLength: 12,
      unit: fc.constantFrom("a", ".", "n", "new", ".new", "state", "ö"),
    }),
    fc.constant("x".repeat(IMAGE_NAME_BYTES_MAX)),
  );
  let allowed = 0;
  fc.assert(
    fc.property(names, names, (one, other) => {
      for (const name of [one, other]) {
        const path = parseVPath(`/a/${name}`);
        if (path === null || !checkImageName(path).ok) return;
      }
      allowed += 1;
      const database = [stateFile(one), intentFile(one), stateFile(other), intentFile(other)];
      expect(new Set(database).size).toBe(one === other ? 2 : 4);
      const directory = [
        imageName(one),
        stageName(other, tag),
        trashName(other, tag),
        foreignName(other, tag),
      ];
      expect(new Set(directory).size).toBe(4);
      expect(temporaryName(intentFile(one), tag).length).toBeLessThanOrEqual(255);
    }),
  );
  expect(allowed).toBeGreaterThan(20);
});
