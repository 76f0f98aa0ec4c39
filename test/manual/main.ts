/** `npm run manual`: writes the pages of `packaging/man/`. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { readVersion } from "../../adapters/version.ts";
import { manualPages } from "./manual.ts";

const FOLDER = "packaging/man";

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
for (const { file, text } of manualPages(readVersion())) writeFileSync(`${FOLDER}/${file}`, text);
