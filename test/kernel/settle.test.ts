/** Who has won when two conditional replaces met: what all servers have, and nothing before they agree. */
import { expect, test } from "vitest";
import type { Address, ImageId, VPath } from "../../kernel/ids.ts";
import { isContested, isUndecided, outcomeOf, settled } from "../../kernel/settle.ts";
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

test("only who has refused for another change, all of them, is waited for", () => {
  expect(isContested(["replace_doesnt_match_index", "superseded_by_newer"])).toBe(true);
  expect(isContested(["replace_doesnt_match_index", "signature_mismatch"])).toBe(false);
  expect(isContested([])).toBe(false);
});

test("where something newer is, ours will not come to be", () => {
  expect(isUndecided("replace_doesnt_match_index")).toBe(true);
  for (const reason of ["older_than_present", "superseded_by_newer", "disk_full"])
    expect(isUndecided(reason), reason).toBe(false);
});

const open = { kind: "open" } as const;
const won = { kind: "ours" } as const;
const lost = { kind: "superseded", by: theirs } as const;
test.each([
  [true, open, true, 0, "made"],
  [true, lost, false, 3, "made"], // the rules of the upload were met before
  [false, open, false, 3, "failed"],
  [false, won, false, 0, "made"],
  [false, won, true, 3, "failed"],
  [false, lost, false, 0, "superseded"],
  [false, lost, false, 1, "redo"],
  [false, lost, true, 0, "superseded"],
  [false, lost, true, 1, "redo"],
] as const)("succeeded %j, seen %j, to be said %j, %i left: %s", (succeeded, seen, mustSay, left, kind) => {
  const outcome = outcomeOf(succeeded, seen, mustSay, left);
  expect(outcome.kind).toBe(kind);
  if ("by" in outcome) expect(outcome.by).toBe(theirs);
});
