import fc from "fast-check";
import { expect, test } from "vitest";
import { createFacts, learn, type UploadFacts } from "../../adapters/cli/facts.ts";
import { drawScan, drawUploads, widthOf } from "../../adapters/cli/picture.ts";
import { ABORTED, ACCEPTED, finished, progress, received, rejected, SCAN, SCANNED } from "./told.ts";
import type { Report } from "../../kernel/report.ts";

const PLAIN = { columns: 80, rows: 24, color: false };

function uploadsOf(...reports: readonly Report[]): readonly UploadFacts[] {
  const facts = createFacts();
  for (const report of reports) learn(facts, report);
  return [...facts.uploads.values()];
}

test("an upload has a line with share, bytes, rate and rest, and one with the state of each server", () => {
  const reports = [progress(), ...received(1, ["n2", "n3"]), rejected("no_config")];
  expect(drawUploads(uploadsOf(...reports), PLAIN)).toEqual([
    "n1.example.org:/s~ [####------------] 25% 50.0 MiB of 200.0 MiB 10.0 MiB/s 0:15",
    "  has it: n1; fetching: n2, n3; refused: 10.0.0.1:24783",
  ]);
});

test("an upload that was accepted and has moved nothing yet is at its beginning", () => {
  expect(drawUploads(uploadsOf(SCANNED, ACCEPTED), PLAIN)[0]).toMatch(/ \[-+\] 0% 0 B of 200.0 MiB$/);
});

test("who gives up is no longer fetching, and what has finished is no longer drawn", () => {
  const reports = [progress({ waitingFor: ["n1"] }), ABORTED];
  expect(drawUploads(uploadsOf(...reports), PLAIN)[1]).toBe("  fetching: n1; gave up: n2");
  expect(drawUploads(uploadsOf(progress(), finished(true)), PLAIN)).toEqual([]);
});

test("many servers are counted when their names have no room", () => {
  const waitingFor = Array.from({ length: 100 }, (_, at) => `server-${at}`);
  expect(drawUploads(uploadsOf(progress({ waitingFor })), { ...PLAIN, columns: 50 })[1]).toBe(
    "  fetching: server-0, server-1 and 98 more",
  );
});

test("more uploads than rows are counted", () => {
  const many = Array.from({ length: 20 }, (_, at) => ({ ...progress(), cluster: `n${at}` }) as Report);
  const picture = drawUploads(uploadsOf(...many), { ...PLAIN, rows: 10 });
  expect(picture).toHaveLength(9);
  expect(picture.at(-1)).toBe("and 16 more uploads");
});

test("colors come only when they are wanted", () => {
  const uploads = uploadsOf(progress());
  expect(drawUploads(uploads, PLAIN).join("")).not.toContain("\u001b");
  expect(drawUploads(uploads, { ...PLAIN, color: true }).join("")).toContain("\u001b[32m");
});

test("no line reaches the last column, whatever the names, the numbers and the width", () => {
  const name = fc.string({ unit: "grapheme", maxLength: 60 });
  const bytes = fc.nat({ max: 2 ** 50 });
  fc.assert(
    fc.property(
      fc.array(name),
      bytes,
      bytes,
      fc.integer({ min: 2, max: 200 }),
      (names, one, two, columns) => {
        const screen = { columns, rows: 24, color: false };
        const facts = { waitingFor: names, bytes: one, bytesTotal: two, bytesPerSecond: one };
        const scan = drawScan({ ...SCAN, source: names.join("/") }, screen);
        for (const line of [scan, ...drawUploads(uploadsOf(progress(facts)), screen)])
          expect(widthOf(line)).toBeLessThan(columns);
      },
    ),
  );
});
