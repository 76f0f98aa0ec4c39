/** The table; the rows that wait longest come first, beside the others. */
import type { Row } from "./row.ts";
import { CLEANUPS } from "./rows-cleanup.ts";
import { DATABASES } from "./rows-database.ts";
import { FILES } from "./rows-file.ts";
import { GOSSIPS } from "./rows-gossip.ts";
import { JOINS } from "./rows-join.ts";
import { PAGES } from "./rows-page.ts";
import { REFUSALS } from "./rows-refusal.ts";
import { SYNCS } from "./rows-sync.ts";
import { UPLOADS } from "./rows-upload.ts";
import { WIRES } from "./rows-wire.ts";

export const ROWS: readonly Row[] = [
  ...CLEANUPS,
  ...UPLOADS,
  ...SYNCS,
  ...FILES,
  ...JOINS,
  ...REFUSALS,
  ...DATABASES,
  ...PAGES,
  ...WIRES,
  ...GOSSIPS,
];
