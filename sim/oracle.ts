/**
 * What must hold, judged by code of its own that shares nothing with what it judges. Each promise has a file below
 * `oracle/`, and its name in `violation.ts`.
 */
import type { Effect, TraceFields } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import type { Report } from "../kernel/report.ts";
import type { FsCall, RootName } from "../kernel/storage/call.ts";
import type { DiskRequest } from "../kernel/storage/request.ts";
import { judgeCall } from "./oracle/calls.ts";
import { createCalm } from "./oracle/calm.ts";
import { createClients } from "./oracle/clients.ts";
import { type Circumstances, type Convergence, judgeConvergence } from "./oracle/convergence.ts";
import { createDatabase } from "./oracle/database.ts";
import { createLedger, type Observation, type Upload } from "./oracle/ledger.ts";
import { createRest, type RestEnd } from "./oracle/rest.ts";
import { createRetention } from "./oracle/retention.ts";
import { createTraffic } from "./oracle/traffic.ts";
import { createTrees, type Site } from "./oracle/trees.ts";
import { createVerdicts } from "./oracle/verdicts.ts";
import { Violation } from "./oracle/violation.ts";

export { type Convergence, type Excuse, roundsToConverge, transferMicros } from "./oracle/convergence.ts";
export type { Observation, Upload } from "./oracle/ledger.ts";
export type { Site } from "./oracle/trees.ts";
export { Violation, type ViolationCode } from "./oracle/violation.ts";

export type OracleOptions = {
  readonly db: RootName;
  /** Messages, marks and databases are the kernel's, and are judged. */
  readonly speaks: boolean;
  /** Of a block, 32 bytes in hex. */
  readonly digest: (bytes: Uint8Array) => string;
  /** Virtual microseconds. */
  readonly time: () => number;
  /** Whether somebody lies: nothing that it says or serves counts. */
  readonly isHostile: (host: string) => boolean;
};

/** When something is said: virtual microseconds, and the latest signature in milliseconds that counts at that server. */
export type Moment = { readonly time: number; readonly latest: number };

/** Everything that judges throws `Violation`. */
export type Oracle = {
  expectUpload(upload: Upload): void;
  observe(observation: Observation): void;
  /** An upload was accepted by a server whose clock allows no signature after `latest`, in milliseconds. */
  expectPresent(upload: number, host: string, latest: number): void;
  /** Messages may have been damaged on their way from here on, or are of somebody who lies. */
  doubt(): void;
  /** A server's process begins. */
  started(host: string, site: Site | undefined, time: number): void;
  /** What a server with auto-clean was told, and wants. */
  cleaned(site: Site, event: Event, effects: readonly Effect[], time: number): void;
  /** Its wall clock was set by so many milliseconds. */
  clockSet(host: string, step: number, time: number): void;
  /** So long until all that is signed is old at these servers, and nothing of it stays for its age. */
  untilOld(sites: readonly Site[]): number;
  /** What nothing keeps stays while another image of its path is on its way. */
  isCleaningHeld(sites: readonly Site[]): boolean;
  /** All that nothing keeps has had the time to go. */
  cleanEnds(sites: readonly Site[]): void;
  stepped(host: string, event: Event, effects: readonly Effect[], time: number): void;
  said(site: Site, mark: string, fields: TraceFields, moment: Moment): void;
  /** A client to its user, of its upload. */
  reported(upload: number, report: Report, siteOf: (host: string) => Site | undefined): void;
  /** A server's peer file names these. */
  listed(host: string, addresses: readonly string[]): void;
  /** A call of a server's disk failed, by a fault. */
  disturbed(host: string): void;
  /** A file of a site is not what it was, by a fault: where it is visible now it may be as it is. */
  damaged(site: Site, file: string): void;
  /** An index of a site is not what it was, by a fault: nobody can learn from there what is in its image. */
  indexDamaged(site: Site): void;
  /** A site's disk becomes another one, in which `from` has a copy of its own where it is a server. */
  replaced(site: Site, from: string | null): void;
  /** What a site had and had promised is gone, by a fault: all of it, or what is at one path. */
  forget(site: Site, path?: string): void;
  /** After a call of a storage program. */
  performed(site: Site, call: FsCall, request: DiskRequest["kind"]): void;
  check(site: Site): void;
  /** After a power cut: the state of signatures may go back to what was reported, and not further. */
  crashed(site: Site): void;
  convergence(circumstances: Circumstances): Convergence;
  /** From here to the next call all is expected to be quiet. */
  restBegins(sites: readonly Site[], time: number): void;
  restEnds(end: RestEnd): void;
  /** All servers agree since a while; `waiting`: uploads whose clients are there and have not ended. */
  clientsRest(waiting: readonly number[]): void;
  /** Nothing has gone wrong: more is promised. `servers`: all there are. */
  calmEnds(servers: readonly string[]): void;
};

export function createOracle({ db, speaks, digest, time: clock, isHostile }: OracleOptions): Oracle {
  const ledger = createLedger();
  const retention = createRetention(ledger, db);
  const trees = createTrees({
    ledger,
    shows: (site, path, ids) => retention.shows(site, path, ids, clock()),
    vanished(site, path, ids) {
      if (!retention.isRemoval(site, path, ids)) return false;
      promisesEnd(site.host, path);
      return true;
    },
  });
  const verdicts = createVerdicts(ledger, trees, (path, version) => retention.wasRemoved(path, version));
  const database = createDatabase(ledger, trees, db);
  const clients = createClients(ledger, trees, (...asked) => retention.hasRemoved(...asked));
  const isDamaged = (host: string): boolean => trees.isDamaged(host) || isHostile(host);
  const traffic = createTraffic({ ledger, digest, isDamaged });
  const rest = createRest(traffic, db);
  const calm = createCalm(ledger);
  let doubt = false;
  /** Servers whose start has met a part that it could not look at. */
  const puzzled = new Set<string>();

  /** What was at a path is not promised any more. */
  function promisesEnd(host: string, path: string): void {
    ledger.releaseReports(host, path);
    database.forget(host, path);
    verdicts.vanished(host, path);
  }

  function forget(site: Site, path?: string): void {
    database.forget(site.host, path);
    retention.forget(site.host, path);
    trees.forget(site, path);
  }

  function said(site: Site, mark: string, fields: TraceFields, { time, latest }: Moment): void {
    const { host } = site;
    rest.said(host, mark);
    if (isHostile(host)) return;
    if (mark === "problem") puzzled.add(host);
    if (mark === "recovered" && !puzzled.has(host))
      database.recovered(site, (path, image) => verdicts.fetchedAt(host, path) === image);
    const word = (name: string): string => String(fields[name] ?? "");
    const [path, image] = [word("path"), word("image")];
    if (path === "" || image === "") return;
    calm.said(host, mark, path, image, time);
    if (mark === "upload_accepted" || mark === "download_started") {
      if (trees.shownAt(host, path).ids.length === 0 && verdicts.fetchedAt(host, path) === null)
        retention.taken(site, path, image, time);
    } else if (mark === "image_removed") {
      retention.removed(site, path, image, time);
      promisesEnd(host, path);
    }
    verdicts.said(site, mark, { path, image, reason: word("reason"), time, latest, doubt });
    if (mark === "download_done") database.committed(site, path, image);
    if (mark === "download_aborted") database.givenUp(host, path, image);
  }

  return {
    expectUpload: (upload) => ledger.expect(upload),
    observe(observation) {
      ledger.note(observation);
      if (observation.kind !== "accepted") return;
      const upload = ledger.uploads.get(observation.upload);
      if (upload !== undefined && upload.key !== "stranger")
        database.promised(observation.host, upload.path, upload.id);
    },
    expectPresent(id, host, latest) {
      const timestamp = ledger.signed.get(id)?.timestamp ?? 0;
      if (timestamp <= latest) return;
      const ahead = Math.round((timestamp - latest) / 1000);
      throw new Violation("future_taken", `${host} accepted #${id}, signed ${ahead} s later than it may be`);
    },
    doubt() {
      doubt = true;
    },
    started(host, site, time) {
      puzzled.delete(host);
      if (site !== undefined) retention.started(site, time);
      verdicts.started(host);
      traffic.started(host);
      rest.started(host);
    },
    cleaned: (site, event, effects, time) => retention.stepped(site, event, effects, time),
    clockSet: (host, step, time) => retention.clockSet(host, step, time),
    untilOld: (sites) => Math.max(0, ...sites.map((site) => retention.untilOld(site))),
    isCleaningHeld(sites) {
      return sites.some((site) => {
        const path = site.clean === null ? null : retention.overdue(site, clock());
        return path !== null && verdicts.fetchedAt(site.host, path) !== null;
      });
    },
    cleanEnds(sites) {
      const time = clock();
      for (const site of sites) {
        if (site.clean === null || retention.isHeld(site, time)) continue;
        const path = retention.overdue(site, time);
        if (path !== null)
          throw new Violation("kept_too_long", `${site.host} has ${path}, which nothing keeps`);
      }
    },
    stepped(host, event, effects, time) {
      if (speaks) traffic.stepped(host, event, effects, time, doubt);
    },
    said(site, mark, fields, moment) {
      if (speaks) said(site, mark, fields, moment);
    },
    reported: (upload, report, siteOf) =>
      clients.reported(upload, report, (host) => (isHostile(host) ? undefined : siteOf(host))),
    listed: (host, addresses) => traffic.listed(host, addresses),
    disturbed: (host) => rest.disturbed(host),
    damaged: (site, file) => trees.damaged(site, file),
    indexDamaged: (site) => trees.indexDamaged(site),
    forget,
    performed(site, call, request) {
      if (request === "drop_index" && call.call === "unlink" && speaks)
        database.dropping(
          site,
          call.name.slice(0, call.name.indexOf(".")),
          // Whoever lies is not listened to, also not when it says that it has what it fetched.
          (path, image) => !isHostile(site.host) && verdicts.fetchedAt(site.host, path) === image,
        );
      if (changesNames(call)) trees.review(site, false);
      judgeCall(ledger, trees, site, call);
      if (speaks) database.performed(site, call);
    },
    replaced(site, from) {
      if (from !== null) trees.copied(from, site.host); // before they are looked at
      forget(site);
      if (from === null) return;
      retention.copied(from, site.host);
      database.copied(from, site.host);
    },
    check: (site) => trees.review(site, false),
    crashed(site) {
      trees.review(site, true);
      if (speaks) database.crashed(site);
    },
    convergence: (circumstances) => judgeConvergence(ledger, trees, retention, database, circumstances),
    restBegins: (sites, time) => rest.begin(sites, time),
    restEnds: (end) => rest.end(end),
    clientsRest(waiting) {
      const forgotten = waiting.find((id) => ledger.isWinner(id));
      if (forgotten === undefined) return;
      const path = ledger.uploads.get(forgotten)?.path ?? "";
      throw new Violation(
        "client_forgotten",
        `#${forgotten} at ${path} is everywhere, and its client still waits`,
      );
    },
    calmEnds(servers) {
      calm.judge(servers);
      clients.calmEnds(servers);
    },
  };
}

function changesNames({ call }: FsCall): boolean {
  return call === "rename" || call === "unlink" || call === "remove_directory";
}
