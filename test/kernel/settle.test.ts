/** Who has won when two conditional replaces met: what all servers have, and nothing before they agree. */
import { expect, test } from "vitest";
import type { Address, ImageId, VPath } from "../../kernel/ids.ts";
import { isConflict, settled } from "../../kernel/settle.ts";
import type { Holding, Surveyed } from "../../kernel/survey.ts";

const [before, ours, theirs] = ["a", "b", "c"].map((digit) => digit.repeat(64) as ImageId) as [
  ImageId,
  ImageId,
  ImageId,
];

function server(image: ImageId | null, state: Holding["state"] = "complete"): Surveyed {
  const holding = { path: "/k/x" as VPath, since: "", state };
  return {
    address: "10.0.0.1:1" as Address,
    machine: null,
    hostname: null,
    answered: image !== null,
    holdings: image === null ? [] : [{ ...holding, image }],
  };
}

test.each([
  [[], "open"],
  [[server(before), server(before)], "open"],
  [[server(ours), server(before)], "open"],
  [[server(ours), server(theirs)], "open"],
  [[server(ours), server(ours, "downloading")], "open"],
  [[server(theirs, "downloading"), server(theirs)], "open"],
  [[server(null)], "open"],
  [[server(ours), server(ours), server(null)], "ours"],
  [[server(theirs), server(theirs)], "superseded"],
] as const)("case %#", (servers, kind) => {
  const found = settled(servers, before, ours);
  expect(found.kind).toBe(kind);
  if (found.kind === "superseded") expect(found.by).toBe(theirs);
});

test("a key that may not write is no conflict", () => {
  expect(isConflict("signature_mismatch")).toBe(false);
  expect(isConflict("replace_doesnt_match_index")).toBe(true);
});
