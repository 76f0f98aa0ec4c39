import { expect, test } from "vitest";
import type { Entry, Intent } from "../../kernel/catalog.ts";
import type { ImageId } from "../../kernel/ids.ts";
import { judge, type Offer, type Rules } from "../../kernel/publish/judge.ts";
import { mergeVersions, type Version } from "../../kernel/winner.ts";

const NOW = 1000;
const SKEW = 10;
const IMAGES = ["0a", "a0", "ff"] as const;
type Letter = (typeof IMAGES)[number];

const idOf = (image: Letter) => image.repeat(32) as ImageId;
const version = (timestamp: number, image: Letter, seed = 1): Version => ({
  timestamp,
  image: idOf(image),
  signatures: [new Uint8Array(64).fill(seed)],
});
const intent = (of: Version): Intent => ({ ...of, stage: "s", mode: "append" });
const rules = (appendOnly: boolean): Rules => ({ appendOnly, futureSkewMs: SKEW });

type Case = { entry: Entry; offer: Offer; appendOnly: boolean };
/** Rows are tried from the top, the first whose conditions all hold answers. */
type Row = readonly [answer: string, ...conditions: ((of: Case) => boolean)[]];

const isAppend = (of: Case) => of.offer.mode === "append";
const isReplace = (of: Case) => of.offer.mode === "replace";
const onlyAppends = (of: Case) => of.appendOnly;
const tooFar = (of: Case) => of.offer.version.timestamp - NOW > SKEW;
const running = (of: Case) => of.entry.intent !== null;
const idle = (of: Case) => of.entry.intent === null;
const inPlace = (of: Case) => of.entry.committed !== null;
const runningSame = (of: Case) => of.entry.intent?.image === of.offer.version.image;
const inPlaceSame = (of: Case) => of.entry.committed?.image === of.offer.version.image;
const present = (of: Case) => of.entry.intent ?? of.entry.committed;
const conditional = (of: Case) => of.offer.oldImage !== null;
const otherThanAsked = (of: Case) => (present(of) ? present(of)?.image : null) !== of.offer.oldImage;
const behind = (of: Case) => {
  const head = present(of);
  if (head === null) return false;
  const offered = of.offer.version;
  return offered.timestamp === head.timestamp
    ? Buffer.compare(Buffer.from(offered.image, "hex"), Buffer.from(head.image, "hex")) < 0
    : offered.timestamp < head.timestamp;
};

const TABLE: readonly Row[] = [
  ["dir_is_append_only", isReplace, onlyAppends],
  ["timestamp_in_future", tooFar],
  ["already_here intent", runningSame],
  ["already_here committed", idle, inPlaceSame],
  ["already_uploading_different_version", isAppend, running],
  ["already_exists", isAppend, inPlace],
  ["start append", isAppend],
  ["replace_doesnt_match_index", conditional, otherThanAsked],
  ["older_than_present", behind],
  ["already_here committed superseding", running, inPlaceSame],
  ["start replace superseding", running],
  ["start replace", isReplace],
];

function* cases(): Generator<Case> {
  const times = [0, 1, 2, NOW + SKEW, NOW + SKEW + 1];
  const here: (Version | null)[] = [null];
  for (const image of IMAGES) here.push(version(1, image), version(2, image));
  const wants: Offer[] = [];
  for (const image of IMAGES) {
    for (const time of times) {
      for (const seed of [1, 2]) {
        wants.push({ version: version(time, image, seed), mode: "append", oldImage: null });
        for (const old of [null, ...IMAGES]) {
          const oldImage = old === null ? null : idOf(old);
          wants.push({ version: version(time, image, seed), mode: "replace", oldImage });
        }
      }
    }
  }
  for (const committed of here) {
    for (const running of here) {
      const entry = { committed, intent: running === null ? null : intent(running) };
      for (const offer of wants) for (const appendOnly of [false, true]) yield { entry, offer, appendOnly };
    }
  }
}

test("every combination is answered as in the table, and nothing is changed by asking", () => {
  const reached = new Map<string, number>();
  for (const one of cases()) {
    const before = JSON.stringify(one);
    const verdict = judge(one.entry, one.offer, rules(one.appendOnly), NOW);
    if (JSON.stringify(one) !== before) expect(one).toEqual(JSON.parse(before));
    const row = TABLE.find(([, ...conditions]) => conditions.every((holds) => holds(one)));
    const answer = row?.[0] ?? "no row";
    reached.set(answer, (reached.get(answer) ?? 0) + 1);
    let said: string;
    if (verdict.kind === "refuse") said = verdict.code;
    else {
      said = verdict.kind === "start" ? `start ${verdict.mode}` : `already_here ${verdict.at}`;
      if (verdict.supersedes !== null) {
        expect(verdict.supersedes).toBe(one.entry.intent);
        said += " superseding";
      }
    }
    if (said !== answer) expect({ said, ...one }).toEqual({ said: answer, ...one });
    if (verdict.kind === "already_here") {
      const here = one.entry[verdict.at] as Version;
      const { timestamp, image, signatures } = here;
      const clean = { timestamp, image, signatures };
      expect(verdict.version).toEqual(mergeVersions(clean, one.offer.version));
      expect(verdict.changed).toBe(JSON.stringify(verdict.version) !== JSON.stringify(clean));
    }
  }
  expect(new Set(reached.keys())).toEqual(new Set(TABLE.map(([answer]) => answer)));
});

test("a newer signing of the same image replaces its list, one at the same time is added, an older one is not", () => {
  const entry: Entry = { committed: version(5, "0a", 1), intent: null };
  const ask = (timestamp: number, seed: number) =>
    judge(
      entry,
      { version: version(timestamp, "0a", seed), mode: "append", oldImage: null },
      rules(true),
      NOW,
    );
  expect(ask(6, 2)).toMatchObject({ version: version(6, "0a", 2), changed: true });
  expect(ask(5, 2)).toMatchObject({
    version: { timestamp: 5, signatures: [new Uint8Array(64).fill(1), new Uint8Array(64).fill(2)] },
    changed: true,
  });
  expect(ask(5, 1)).toMatchObject({ version: version(5, "0a", 1), changed: false });
  expect(ask(4, 2)).toMatchObject({ version: version(5, "0a", 1), changed: false });
});

test("what replaces never goes back: the head after a start is greater than before", () => {
  let starts = 0;
  for (const { entry, offer, appendOnly } of cases()) {
    if (judge(entry, offer, rules(appendOnly), NOW).kind !== "start") continue;
    const head = entry.intent ?? entry.committed;
    if (head === null) continue;
    starts += 1;
    const { timestamp, image, signatures } = head;
    expect(mergeVersions({ timestamp, image, signatures }, offer.version)).toEqual(offer.version);
  }
  expect(starts).toBeGreaterThan(100);
});
