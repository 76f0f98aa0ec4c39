/**
 * Bugs that the sweep has to find in every story: a sync that is left out, and two steps in the other order. Some are
 * none, since nothing hangs on them; which, and why, is said here.
 */
import type { FsCall, FsValue } from "../../kernel/storage/call.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { CONTEXT, type Story } from "./stories.ts";
import { changes, type Fault, printCall, sweepStory } from "./sweep.ts";

export type Planted = {
  readonly story: string;
  /** What is done to which call. */
  readonly bug: string;
  /** By what it was found; null when nothing in the story is the worse for it. */
  readonly found: string | null;
  /** Why it cannot be found, where that is known. */
  readonly harmless: string | null;
};

/** By story and bug. */
const HARMLESS: readonly (readonly [story: RegExp, bug: RegExp, why: string])[] = [
  [/./, /^rename \S+\.ds1\.index to \S+ before store_index/, "an index is verified whenever it is read"],
  [
    /append|replace|collection|many/,
    /^without \w+: sync after make_directory (signatures|key|group|indexes|[0-9a-f]{2})$/,
    "an earlier image has made the folder last",
  ],
  [/./, /delete_old|^unlink \w+ before recover/, "a deletion that is interrupted is done by the next start"],
  [
    /./,
    /^rename app\.new\.state to app\.state before \w+: rename \S+ to app\.floor/,
    "one sync makes both last, and until then the state says as much as the floor",
  ],
  [/removal/, /\.floor .*\(again\)$/, "the floor says already what goes: it is removed once more"],
  [/^start/, /^(without|sync before) recover/, "a start has promised nothing: the next one does the same"],
];

type Step = { readonly request: string; readonly call: FsCall; readonly after: string };

function isSync({ call }: FsCall): boolean {
  return call === "sync" || call === "sync_file_system";
}

/** Every call of a story that changes something, in order. */
function stepsOf(story: Story): readonly Step[] {
  const { disk, requests } = story.begin("weak");
  const steps: Step[] = [];
  let after = "";
  const asked = requests();
  let next = asked.next();
  while (next.done !== true) {
    const request = next.value.kind;
    const fs = {
      perform(call: FsCall): FsValue {
        if (changes(call)) steps.push({ request, call, after });
        after = printCall(call);
        return disk.perform(call);
      },
    };
    next = asked.next(runProgram(fs, programOf(next.value, CONTEXT)));
  }
  return steps;
}

/** Of the calls that change something, this one is not done, and is said to be. */
function without(nth: number): Fault {
  return (disk) => {
    let count = 0;
    return {
      perform(call) {
        if (changes(call) && count++ === nth) return undefined;
        return disk.perform(call);
      },
    };
  };
}

/** This one is done after the one that follows it; closing what it is about waits for it. */
function swapped(nth: number): Fault {
  return (disk) => {
    let count = 0;
    let held: FsCall[] = [];
    return {
      perform(call) {
        if (changes(call) && count++ === nth) {
          held.push(call);
          return undefined;
        }
        if (held.length === 0) return disk.perform(call);
        if (call.call === "close") {
          held.push(call);
          return undefined;
        }
        const value = disk.perform(call);
        if (!changes(call)) return value;
        for (const each of held) disk.perform(each);
        held = [];
        return value;
      },
    };
  };
}

export function* plantEverywhere(story: Story): Generator<Planted> {
  const steps = stepsOf(story);
  const names = new Set<string>();
  const named = (bug: string): string => {
    const name = names.has(bug) ? `${bug} (again)` : bug;
    names.add(name);
    return name;
  };
  for (const [at, { request, call, after }] of steps.entries()) {
    const what = `${request}: ${printCall(call)} after ${after}`;
    const following = steps[at + 1];
    if (isSync(call)) yield planted(story, named(`without ${what}`), without(at));
    if (following === undefined || following.request !== request || !isOrdered(call, following.call))
      continue;
    yield planted(story, named(`${printCall(following.call)} before ${what}`), swapped(at));
  }
}

/** Steps of which one is there for the other: a change that becomes visible, and what has to be durable before it. */
function isOrdered(first: FsCall, second: FsCall): boolean {
  const shows = ({ call }: FsCall): boolean => call === "rename" || call === "unlink";
  return (
    (isSync(first) && shows(second)) || (shows(first) && shows(second)) || (shows(first) && isSync(second))
  );
}

function planted(story: Story, bug: string, fault: Fault): Planted {
  const { wrong } = sweepStory(story, "weak", { fault });
  const [found = null] = wrong;
  const known = HARMLESS.find(([of, what]) => of.test(story.name) && what.test(bug));
  return { story: story.name, bug, found, harmless: found === null ? (known?.[2] ?? null) : null };
}
