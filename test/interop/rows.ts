/** The table. */
import type { Row } from "./row.ts";
import { UPLOADS } from "./rows-upload.ts";

export const ROWS: readonly Row[] = [...UPLOADS];
