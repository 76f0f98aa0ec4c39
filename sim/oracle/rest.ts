/**
 * Servers that agree are at rest: they ask each other for nothing, send what a round takes, and keep nothing that was
 * only on the way.
 */
import type { RootName } from "../../kernel/storage/call.ts";
import { SECOND } from "../timeline.ts";
import type { Traffic } from "./traffic.ts";
import type { Site } from "./trees.ts";
import { Violation } from "./violation.ts";

export type Rest = {
  started(host: string): void;
  said(host: string, mark: string): void;
  /** A call of its disk failed, by a fault: what could not be removed is removed by the next start. */
  disturbed(host: string): void;
  /** From here on all is expected to be quiet. */
  begin(sites: readonly Site[], time: number): void;
  end(end: RestEnd): void;
};

export type RestEnd = {
  readonly sites: readonly Site[];
  readonly time: number;
  /** Servers that there were at any time: who is in a peer file and never answers is told in every round. */
  readonly servers: number;
  /** Paths that some client waits for: it is told by packets of its own, each with an answer. */
  readonly awaited: number;
  /** Paths that any client has waited for: a server that was away is told of them all, and each packet is answered. */
  readonly paths: number;
};

/** Old news that were long on their way may still be asked about. */
const QUESTIONS_MAX = 2;
const FANOUT = 4;
const ANSWERS_EACH = 3; // of one path, to one peer, in one round
const ANSWERS_MAX = 4; // packets of one path that answer what was long on its way
const ANSWERED_WITHIN = 12 * SECOND;

export function createRest(traffic: Traffic, db: RootName): Rest {
  const untidy = new Set<string>();
  const asked = new Map<string, number>();
  const fetched = new Map<string, number>();
  /** How often each has found an image damaged, at any time: it fetches that again. */
  const damaged = new Map<string, number>();
  const sentBefore = new Map<string, number>();
  let began = 0;

  function checkNames({ host, disk, root }: Site): void {
    if (untidy.has(host)) return;
    for (const each of [root, db]) {
      for (const name of disk.tree(each).keys()) {
        const own = name.split("/").at(-1) ?? "";
        if (own.startsWith(".tmp.") && !own.startsWith(".tmp.foreign."))
          throw new Violation("not_at_rest", `${host} keeps ${name} in ${each}`);
      }
    }
  }

  return {
    started: (host) => void untidy.delete(host),
    said(host, mark) {
      if (mark === "disk_failed" || mark === "problem") untidy.add(host);
      if (mark === "image_damaged") damaged.set(host, (damaged.get(host) ?? 0) + 1);
      if (mark === "listing_asked") asked.set(host, (asked.get(host) ?? 0) + 1);
      if (mark === "download_started") fetched.set(host, (fetched.get(host) ?? 0) + 1);
    },
    disturbed: (host) => void untidy.add(host),
    begin(sites, time) {
      began = time;
      asked.clear();
      fetched.clear();
      for (const { host } of sites) sentBefore.set(host, traffic.datagrams(host));
    },
    end({ sites, time, servers, awaited, paths }) {
      const rounds = Math.ceil((time - began) / SECOND) + 1;
      for (const site of sites) {
        const { host } = site;
        const questions = asked.get(host) ?? 0;
        if (questions > QUESTIONS_MAX)
          throw new Violation("not_at_rest", `${host} asks for ${questions} listings in ${rounds} rounds`);
        if ((fetched.get(host) ?? 0) > (damaged.get(host) ?? 0))
          throw new Violation("not_at_rest", `${host} fetches what all have`);
        const packets = traffic.datagrams(host) - (sentBefore.get(host) ?? 0);
        // In a large cluster it takes more rounds until everyone has heard that nobody waits any more.
        const toTellAll = servers * Math.ceil(Math.log2(servers));
        const waits = toTellAll > FANOUT * rounds ? paths : awaited;
        const fanout = Math.min(FANOUT, servers - 1) * (1 + ANSWERS_EACH * waits);
        const most =
          (fanout + servers - sites.length + questions) * rounds + ANSWERS_MAX * Math.max(1, paths);
        if (packets > most)
          throw new Violation("not_at_rest", `${host} sends ${packets} datagrams in ${rounds} rounds`);
        const waiting = traffic.unanswered(host);
        if (waiting !== null && time - waiting.since > ANSWERED_WITHIN)
          throw new Violation(
            "wrong_answer",
            `${host} has not answered ${waiting.type} for ${time - waiting.since} us`,
          );
        checkNames(site);
      }
    },
  };
}
