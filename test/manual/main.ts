/** `npm run manual`: writes the pages of `packaging/man/`. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { readVersion } from "../../adapters/version.ts";
import { withoutArguments } from "../usage.ts";
import { manualPages } from "./manual.ts";

const FOLDER = "packaging/man";

const status = withoutArguments("manual", `Writes the pages of ${FOLDER} from the tables of --help.`);
if (status === null) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { file, text } of manualPages(readVersion())) writeFileSync(`${FOLDER}/${file}`, text);
} else process.exitCode = status;
