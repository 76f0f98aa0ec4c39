/** `npm run limits`: writes `docs/limits.md`. */
import { writeFileSync } from "node:fs";
import { withoutArguments } from "../usage.ts";
import { printLimits, readLimits } from "./limits.ts";

const status = withoutArguments("limits", "Writes docs/limits.md from the constants of the sources.");
if (status === null) writeFileSync("docs/limits.md", printLimits(readLimits()));
else process.exitCode = status;
