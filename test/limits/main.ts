/** `npm run limits`: writes `docs/limits.md`. */
import { writeFileSync } from "node:fs";
import { printLimits, readLimits } from "./limits.ts";

writeFileSync("docs/limits.md", printLimits(readLimits()));
