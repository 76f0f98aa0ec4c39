/** What each verb does, seen in a run of the kernel: the fault happens, is counted, and the promises hold. */
import { describe, expect, test } from "vitest";
import type { Event } from "../../kernel/event.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { CELLS } from "../../sim/kinds.ts";
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

  test.each([
    ["restart n2", 0],
    ["crash n2 disk=kept", 1],
  ])("after %s a server that starts says %i times that the last run was cut", (verb, cuts) => {
    const seen = runOf(UPLOAD, `at 4s ${verb}`, "at 5s start n2", "at 6s heal");
    expect(seen.marks.filter((mark) => mark === "n2 recovered")).toHaveLength(2);
    expect(seen.marks.filter((mark) => mark === "n2 last_run_cut")).toHaveLength(cuts);
    expect(holds(seen, "n2")).toBe(true);
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
    "unsupported",
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

  test.each(["gossip", "replay", "slow", "silent", "equivocate"])("%s costs time and nothing else", (how) => {
    const seen = runOf(
      `at 100ms betray n3 how=${how}`,
      UPLOAD,
      "at 3s upload c2 /site/current #8 files=4 to n2",
    );
    expect(seen.outcome.faults).toMatchObject({ betray: 1 });
    expect([holds(seen, "n1"), holds(seen, "n2")]).toEqual([true, true]);
  });
});

describe("phases", () => {
  const cells = ({ outcome }: Seen): readonly string[] => Object.keys(outcome.cells);

  test.each([
    ["promising", "put_intent"],
    ["indexing", "store_index"],
    ["preparing", "prepare_stage"],
    ["fetching", "write_block"],
    ["committing", "commit"],
  ])("what waits for %s happens there, and is counted there", (phase) => {
    const seen = runOf(`when n2 ${phase} crash n2 disk=weak`, UPLOAD, "at 4s heal");
    expect(cells(seen)).toContain(`crash_weak ${phase}`);
    expect(seen.outcome.idle).toEqual(["at 4s heal"]);
    expect(holds(seen, "n2")).toBe(true);
  });

  test("a server that starts is met in its recovery, and again in the next", () => {
    const again = "when n2 recovering nth=1 crash n2 disk=weak";
    const seen = runOf(again, UPLOAD, "at 2s start n2", `at 2s ${again}`, "at 3s heal");
    expect(cells(seen)).toContain("crash_weak recovering");
    expect(seen.outcome.sights["cut_again_in_recovery"]).toBe(2);
    expect(holds(seen, "n2")).toBe(true);
  });

  test("a delay counts from the entry, and the nth entry is the nth", () => {
    const upload = "at 4s upload c2 /site/current #8 files=4 to n1";
    const seen = runOf("when n2 committing nth=2 +7ms pause n2", UPLOAD, upload, "at 6s heal");
    expect(seen.outcome.faults).toMatchObject({ pause: 1 });
    const committed = seen.marks.filter((mark) => mark === "n2 download_done");
    expect(committed).toHaveLength(2);
  });

  test.each([
    ["rename:1", "cut_between_U11_U12"],
    ["rename:2", "cut_between_U13_U14"],
  ])("a power cut after %s of a commit is seen as %s", (call, sight) => {
    const seen = runOf(`when n2 committing call=${call} crash n2 disk=weak`, UPLOAD, "at 3s heal");
    expect(Object.keys(seen.outcome.sights)).toContain(sight);
    expect(holds(seen, "n2")).toBe(true);
  });

  test("it happens between any two calls of the disk", () => {
    for (let nth = 1; nth <= 60; nth += 7) {
      const seen = runOf(`when n2 running call=*:${nth} crash n2 disk=ordered`, UPLOAD, "at 2s heal");
      expect(seen.outcome.faults).toMatchObject({ crash_ordered: 1 });
      expect(holds(seen, "n2")).toBe(true);
    }
  });

  test("what nobody comes to is named, and does not happen after the healing", () => {
    const seen = runOf("when n2 cleaning nth=3 crash n2 disk=weak", UPLOAD);
    expect(seen.outcome.idle).toEqual(["when n2 cleaning nth=3 crash n2 disk=weak"]);
    expect(seen.outcome.faults["crash_weak"]).toBeUndefined();
  });

  test("every fault counts in every phase that it meets, and in none that it cannot", () => {
    const seen = runOf("link *>* loss=30/100", UPLOAD, "at 1s crash n3 disk=weak", "at 4s heal");
    expect(cells(seen)).toEqual(expect.arrayContaining(["loss down", "loss fetching", "loss idle"]));
    expect(cells(seen).filter((cell) => !CELLS.includes(cell))).toEqual([]);
  });
});

describe("partitions", () => {
  test("a line that flaps is cut and whole in turns, and whole in the end", () => {
    const seen = runOf(UPLOAD, "at 1s flap n1 * every=300ms for=2s", "at 5s heal");
    expect(seen.outcome.faults["flap"]).toBe(4);
    expect(seen.outcome.idle).toEqual(["at 5s heal"]); // nothing was cut any more
  });

  test("two groups reach nobody of the other; a server in neither reaches both", () => {
    const whole = runOf("at 100ms split n1 n2,n3", UPLOAD, "at 3s heal");
    expect(whole.outcome.faults).toMatchObject({ split: 1 });
    expect(whole.marks.filter((mark) => mark.startsWith("n2")).length).toBeGreaterThan(0);
    const bridged = runOf("at 100ms split n1 n3", UPLOAD, "at 3s upload c2 /site/other #1 files=1 to n2");
    expect(bridged.outcome.faults).toMatchObject({ partial: 1 });
    expect(bridged.mishaps).toContain("cut");
  });
});

describe("slow things", () => {
  test("one call of a disk hangs, and only one", () => {
    const doneAt = (seen: Seen): number =>
      seen.heard.find(({ host, event }) => host === "n2" && event.kind === "disk_done" && event.result.ok)
        ?.time ?? 0;
    const quick = runOf(UPLOAD, "at 4s heal");
    const slow = runOf("when n2 committing hang n2 sync for=2s", UPLOAD, "at 4s heal");
    expect(slow.outcome.faults).toMatchObject({ hang: 1 });
    expect(slow.outcome.cells).toHaveProperty("hang committing");
    expect(doneAt(slow)).toBe(doneAt(quick)); // the first one is the recovery
    const lastOf = (seen: Seen): number =>
      seen.heard.filter(({ host, event }) => host === "n2" && event.kind === "disk_done").at(-1)?.time ?? 0;
    expect(lastOf(slow) - lastOf(quick)).toBeGreaterThan(1_500_000);
  });

  test("losses come in bursts, delays have tails, and second copies come minutes later", () => {
    const seen = runOf(
      "link *>* loss=5/100 burst=3s dup=10/100 late=100s tail=5/100 long=2s",
      UPLOAD,
      "at 110s upload c2 /site/current #8 files=2 to n2",
    );
    for (const kind of ["burst", "loss", "tail", "dup", "dup_old"]) expect(seen.mishaps).toContain(kind);
    const burst = seen.mishaps.filter((kind) => kind === "burst").length;
    expect(burst).toBeGreaterThan(seen.mishaps.filter((kind) => kind === "loss").length / 2);
  });

  test("a line that is too slow fills its queue", () => {
    const rates = ["n1", "n2", "n3"].map((name) => `rate ${name} up=300`);
    const seen = runOf(
      ...rates,
      UPLOAD.replace("to n1", "bytes=100000 to n1"),
      "at 3s join n4 peers=n1,n2,n3",
      "at 9s heal",
    );
    expect(seen.mishaps).toContain("queue");
  });
});

describe("configurations", () => {
  test("who keeps its first image keeps it, while the others take the next", () => {
    const seen = runOf("config n3 append=yes", UPLOAD, "at 3s upload c2 /site/current #8 files=4 to n1");
    const numbers = ["n1", "n2", "n3"].map((name) => {
      const entry = seen.outcome.world.host(name)?.disk.tree(IMAGES).get("current/number");
      return entry?.kind === "file" ? String.fromCharCode(...entry.bytes) : null;
    });
    expect(numbers).toEqual(["8", "8", "7"]);
  });

  test("who lacks a key does not take what it has signed, and takes the rest", () => {
    const second = "at 3s upload c2 /site/other #8 files=2 key=second to n1";
    const seen = runOf("config n3 keys=known", UPLOAD, second);
    const tree = seen.outcome.world.host("n3")?.disk.tree(IMAGES);
    expect([tree?.has("other"), tree?.has("current")]).toEqual([false, true]);
    expect(seen.outcome.world.host("n2")?.disk.tree(IMAGES).has("other")).toBe(true);
  });

  test("who has other levels has none of these paths", () => {
    const seen = runOf("config n3 levels=2", UPLOAD);
    expect([holds(seen, "n2"), holds(seen, "n3")]).toEqual([true, false]);
  });
});

describe("all at once", () => {
  test("every server loses its power, and starts again", () => {
    const seen = runOf(UPLOAD, "at 1s crash * disk=weak", "at 2s start *");
    expect(seen.outcome.faults).toMatchObject({ mass_crash: 3, crash_weak: 3 });
    expect(seen.marks.filter((mark) => mark.endsWith(" recovered"))).toHaveLength(6);
    for (const name of ["n1", "n2", "n3"]) expect(holds(seen, name)).toBe(true);
  });

  test("a server comes back with another machine id and what it had", () => {
    const seen = runOf(UPLOAD, "at 2s crash n2 disk=weak", "at 3s start n2 machine=n9");
    expect(seen.outcome.sights["machine_changed"]).toBe(1);
    expect(seen.marks.filter((mark) => mark === "n2 download_done")).toHaveLength(1);
    expect(holds(seen, "n2")).toBe(true);
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
