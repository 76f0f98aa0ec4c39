/** What clients are told of their uploads, and what they make of it. */
import type { Report } from "../../kernel/report.ts";
import { isLess, type Ledger, printIds, type Signed } from "./ledger.ts";
import type { Site, Trees } from "./trees.ts";
import { Violation } from "./violation.ts";

export type Clients = {
  /** `siteOf`: undefined for a server whose word does not count. */
  reported(upload: number, report: Report, siteOf: (host: string) => Site | undefined): void;
  /** Nothing has gone wrong: whoever brought a winner has learnt of all servers that they have it. */
  calmEnds(servers: readonly string[]): void;
};

export function createClients(
  ledger: Ledger,
  trees: Trees,
  hasRemoved: (host: string, path: string, version: Signed) => boolean,
): Clients {
  const ends = new Map<number, { readonly ok: boolean; readonly servers: readonly string[] }>();

  /** A server has what its client was told, or something greater; what a fault took from it since is no lie. */
  function holds({ host, append }: Site, path: string, upload: number): boolean {
    const { ids, spoilt } = trees.shownAt(host, path);
    const [wanted, present] = [ledger.signed.get(upload), ledger.versionOf(ids)];
    const has = ids.some((id) => id === upload || ledger.signed.get(id)?.image === wanted?.image);
    if (has || spoilt || trees.hasLost(host, path)) return true;
    if (wanted !== undefined && hasRemoved(host, path, wanted)) return true;
    if (ledger.hasReportedBefore(host, upload)) return true;
    return !append && wanted !== undefined && present !== null && !isLess(present, wanted);
  }

  return {
    reported(id, report, siteOf) {
      const path = ledger.uploads.get(id)?.path;
      if (path === undefined || report.type !== "finished") return;
      ends.set(id, { ok: report.ok, servers: report.servers });
      if (!report.ok) return;
      if (report.servers.length === 0)
        throw new Violation("false_success", `#${id} at ${path} ends well, and no server has it`);
      for (const host of report.servers) {
        const site = siteOf(host);
        if (site === undefined || holds(site, path, id)) continue;
        const has = printIds(trees.shownAt(host, path).ids);
        throw new Violation("false_success", `#${id} ends well with ${host}, which has ${has} at ${path}`);
      }
    },
    calmEnds(servers) {
      for (const id of ledger.uploads.keys()) {
        if (!ledger.isWinner(id)) continue;
        const end = ends.get(id);
        const unknown = servers.find((host) => end?.servers.includes(host) !== true);
        if (end?.ok === true && unknown === undefined) continue;
        const what = end === undefined ? "does not end" : end.ok ? `ends without ${unknown}` : "ends badly";
        throw new Violation("client_forgotten", `#${id} wins, and its client ${what}`);
      }
    },
  };
}
