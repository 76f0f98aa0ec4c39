/** What each verb does, seen in a run of the kernel: the fault happens, is counted, and the promises hold. */
import { describe, expect, test } from "vitest";
import type { Event } from "../../kernel/event.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import type { Mishap } from "../../sim/network.ts";
import { parseScript } from "../../sim/parse.ts";
import { type Outcome, runScript } from "../../sim/run.ts";

const crypto = createCrypto();
const IMAGES = "/srv/site" as RootName;
const UPLOAD = "at 500ms upload c1 /site/current #7 files=6 to n1";

type Seen = {
  readonly outcome: Outcome;
  readonly marks: readonly string[];
  readonly mishaps: readonly Mishap["kind"][];
  readonly heard: readonly { readonly host: string; readonly time: number; readonly event: Event }[];
};

function runOf(...lines: readonly string[]): Seen {
  return runSeed(5, ...lines);
}

function runSeed(seed: number, ...lines: readonly string[]): Seen {
  const parsed = parseScript([`seed ${seed}`, "cluster 3", ...lines].join("\n"));
  if (!parsed.ok) throw new Error(`${lines[parsed.line - 3]}: ${parsed.what}`);
  const marks: string[] = [];
  const mishaps: Mishap["kind"][] = [];
  const heard: { host: string; time: number; event: Event }[] = [];
  const outcome = runScript(parsed.script, kernelCast, {
    crypto,
    marked: (host, mark, { reason }) =>
      void marks.push(`${host} ${mark}${reason === undefined ? "" : ` ${String(reason)}`}`),
    mishap: ({ kind }) => void mishaps.push(kind),
    reader: { moment: ({ host, time, event }) => void heard.push({ host, time, event }) },
  });
  expect(outcome.failure).toBeNull();
  return { outcome, marks, mishaps, heard };
}

function holds({ outcome }: Seen, host: string): boolean {
  return outcome.world.host(host)?.disk.tree(IMAGES).has("current/number") === true;
}

describe("members", () => {
  test("who leaves is stopped and gets nothing; who comes back catches up", () => {
    const gone = runOf("at 100ms leave n3", UPLOAD);
    expect([gone.outcome.world.host("n3")?.state(), holds(gone, "n3"), holds(gone, "n2")]).toEqual([
      "down",
      false,
      true,
    ]);
    const back = runOf("at 100ms leave n3", UPLOAD, "at 3s join n3 peers=n1");
    expect(back.outcome.faults).toMatchObject({ leave: 1, rejoin: 1 });
    expect(holds(back, "n3")).toBe(true);
  });

  test("a server with the machine id of another is heard as that one, until it is stopped", () => {
    const seen = runOf(UPLOAD, "at 1s join n4 peers=n1,n2 machine=n1", "at 4s heal");
    expect(seen.outcome.faults).toMatchObject({ clone: 1 });
    expect(seen.outcome.world.host("n4")?.state()).toBe("down");
  });

  test("a peer file that names nobody is set right in the end", () => {
    const seen = runOf("at 100ms peers n2 peers=", UPLOAD, "at 2s heal");
    expect(seen.heard.filter(({ event }) => event.kind === "peers_resolved")).toHaveLength(5);
    expect(holds(seen, "n2")).toBe(true);
  });
});

describe("disks", () => {
  test.each(["empty", "old", "n1"])(
    "a disk that becomes %s has what was there, and gets the rest",
    (disk) => {
      const seen = runOf("at 400ms save n3", UPLOAD, `at 3s crash n3 disk=${disk}`, "at 4s start n3");
      expect(seen.outcome.faults[disk === "n1" ? "disk_copied" : `disk_${disk}`]).toBe(1);
      expect(seen.marks.filter((mark) => mark === "n3 download_done")).toHaveLength(disk === "n1" ? 1 : 2);
      expect(holds(seen, "n3")).toBe(true);
    },
  );

  test.each(["rot", "edit"])("%s changes one bit, which no other server takes over", (verb) => {
    const seen = runOf(UPLOAD, `at 3s ${verb} n1 images nth=1`, "at 4s join n4 peers=n1,n2,n3");
    expect(seen.outcome.faults[verb]).toBe(1);
    const trees = ["n1", "n2"].map((name) => seen.outcome.world.host(name)?.disk.tree(IMAGES));
    const bytes = trees.map((tree) =>
      [...(tree?.values() ?? [])].flatMap((each) => (each.kind === "file" ? [...each.bytes] : [])),
    );
    const different = bytes[0]?.filter((byte, at) => byte !== bytes[1]?.[at]).length;
    expect(different).toBe(1);
    expect(holds(seen, "n4")).toBe(true);
  });

  test("a deleted image is fetched again", () => {
    const seen = runOf(UPLOAD, "at 3s remove n2 /site/current");
    expect(seen.marks).toContain("n2 image_missing");
    expect(holds(seen, "n2")).toBe(true);
  });

  test.each([
    "no_space",
    "io",
    "too_many_open",
    "too_many_links",
    "other_device",
    "not_permitted",
    "read_only",
  ])("a call fails with %s as often as it is told", (code) => {
    const seen = runOf(`at 400ms fail n2 create_file ${code} count=2`, UPLOAD, "at 2s heal");
    expect(seen.outcome.faults[code]).toBe(2);
    expect(holds(seen, "n2")).toBe(true);
  });
});

describe("connections", () => {
  const reasons = ({ heard }: Seen): readonly string[] =>
    heard.flatMap(({ host, event }) => (event.kind === "conn_closed" ? [`${host} ${event.why}`] : []));

  test("a reset is heard at both ends", () => {
    const seen = runOf("rate n1 up=2000 down=2000", UPLOAD, "at 560ms reset c1 n1");
    expect(reasons(seen)).toEqual(expect.arrayContaining(["c1 broken", "n1 broken"]));
  });

  test("of a half-open connection one end hears nothing, for five seconds", () => {
    const seen = runOf("rate n1 up=2000 down=2000", UPLOAD, "at 560ms halve c1 n1", "at 9s heal");
    expect(reasons(seen)).toEqual(expect.arrayContaining(["c1 broken", "n1 silent"]));
  });

  test("who reads late gets everything, in its order, later", () => {
    const seen = runOf("at 400ms stall n1 for=2s", UPLOAD, "at 3s heal");
    const frames = seen.heard.filter(({ host, event }) => host === "n1" && event.kind === "frame");
    expect(frames.length).toBeGreaterThan(0);
    expect(Math.min(...frames.map(({ time }) => time))).toBeGreaterThanOrEqual(2_400_000);
  });

  test("damaged and oversized datagrams are counted as they are", () => {
    const seen = runOf("link *>* corrupt=30/100", "link n1>n2 mtu=100", UPLOAD, "at 4s heal");
    expect(seen.mishaps).toEqual(expect.arrayContaining(["corrupt", "mtu"]));
  });
});

describe("who lies", () => {
  test.each([
    ["blocks", "block_refused"],
    ["index", "index_refused"],
  ])("%s are refused, and others are asked", (how, mark) => {
    const upload = UPLOAD.replace("to n1", "to n1 n2");
    const refused: string[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const seen = runSeed(seed, `at 100ms betray n1 how=${how}`, upload);
      refused.push(...seen.marks.filter((each) => each.endsWith(mark) && !each.startsWith("n1")));
      expect(holds(seen, "n3")).toBe(true);
    }
    expect(refused).not.toEqual([]);
  });

  test.each(["gossip", "replay", "slow", "silent"])("%s costs time and nothing else", (how) => {
    const seen = runOf(
      `at 100ms betray n3 how=${how}`,
      UPLOAD,
      "at 3s upload c2 /site/current #8 files=4 to n2",
    );
    expect(seen.outcome.faults).toMatchObject({ betray: 1 });
    expect([holds(seen, "n1"), holds(seen, "n2")]).toEqual([true, true]);
  });
});

describe("uploads", () => {
  test("a key of nobody is refused", () => {
    const seen = runOf("at 500ms upload c1 /site/current #7 files=2 key=stranger to n1");
    expect(seen.marks).toContain("n1 upload_refused signature_mismatch");
    expect(holds(seen, "n1")).toBe(false);
  });

  test("clocks that stand still sign equal timestamps, and all agree on one image", () => {
    const timestamps: unknown[] = [];
    const parsed = parseScript(`seed 5
cluster 3
at 500ms upload c1 /site/current #1 files=2 clock=frozen to n1
at 500ms upload c2 /site/current #2 files=2 clock=frozen to n2`);
    if (!parsed.ok) throw new Error(parsed.what);
    const marked = (_: string, mark: string, fields: object): void => {
      if (mark === "signing") timestamps.push(Object.values(fields)[1]);
    };
    expect(runScript(parsed.script, kernelCast, { crypto, marked }).failure).toBeNull();
    expect(timestamps).toHaveLength(2);
    expect(new Set(timestamps).size).toBe(1);
  });

  test("a signature from the future waits until clocks are right", () => {
    const seen = runOf("clock n2 step=-900s", UPLOAD, "at 3s heal");
    expect(holds(seen, "n2")).toBe(true);
  });
});

test("a line that meets nothing is named", () => {
  const seen = runOf(
    "heal n1 n2",
    "at 1s start n2",
    "at 1s fail n1 read_link io",
    UPLOAD,
    "at 2s crash n9 disk=weak",
  );
  expect(seen.outcome.idle).toEqual([
    "heal n1 n2",
    "at 1s start n2",
    "at 2s crash n9 disk=weak",
    "fail n1 read_link io: no such call came",
  ]);
});
