/** What is uploaded: trees with the corners of the index format in them. */
import { EMPTY, link, noise, program, tree, type Tree } from "./tree.ts";

const BLOCK = 32_768;

/** A small site: a program, a link, a folder, a file of more than one block. */
export function site(version: string): Tree {
  return tree({
    "/index.html": `<p>${version}</p>\n`,
    "/data/rates.json": `{"version": "${version}"}\n`,
    "/data/same": noise("same", 3 * BLOCK + 17),
    "/data/own": noise(version, BLOCK + 1),
    "/run": program(`#!/bin/sh\necho ${version}\n`),
    "/current": link("data/rates.json"),
  });
}

export const SIZES: Tree = tree(
  Object.fromEntries(
    [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK - 1].map((size) => [
      `/of-${size}`,
      noise(`size ${size}`, size),
    ]),
  ),
);

/** Names and kinds that scanners, escapes and sort orders stumble over. */
export const ODD: Tree = tree({
  "/a/deep": "1",
  "/a-b/x": "2",
  "/a.b/x": "3",
  "/ab": "4",
  "/with space": "5",
  "/back\\slash": "6",
  "/tab\tin": "7",
  "/line\nin": "8",
  "/\u00fcmlaut/\u65e5\u672c\u8a9e": "9",
  "/u\u0308mlaut/\u65e5\u672c\u8a9e": "another form of the same letters",
  "/.hidden/.also": "10",
  "/empty": EMPTY,
  "/empty-too/inside": EMPTY,
  "/empty-file": "",
  "/empty-program": program(""),
  "/bin/tool": program("#!/bin/sh\n"),
  "/links/up": link("../ab"),
  "/links/nowhere": link("no/such file"),
  "/links/absolute": link("/etc/hostname"),
  "/links/folder": link("../a"),
  "/10": "numbers",
  "/9": "in another order",
  "/Z": "capitals first",
});

/** More than 1,400 blocks: all fifteen slices of a progress mask (behaviour.md 3). */
export const LARGE: Tree = tree({
  "/one": noise("large", 1_000 * BLOCK),
  "/two": noise("also large", 450 * BLOCK + 5),
});

/** Many names, so that an index has many lines. */
export const MANY: Tree = tree(
  Object.fromEntries(
    Array.from({ length: 2_000 }, (_, at) => [`/d${at % 40}/file-${at}`, `content of ${at}\n`]),
  ),
);
