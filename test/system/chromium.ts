/** A real Chromium: Debian's package `chromium`, or what the variable CHROMIUM names. Nothing is downloaded. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const USUAL = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launchChromium(): Promise<Browser> {
  const named = process.env["CHROMIUM"];
  const path = named ?? USUAL.find((each) => existsSync(each));
  if (path === undefined || !existsSync(path)) {
    throw new Error(
      `no Chromium at ${named ?? USUAL.join(", ")}: apt-get install chromium fonts-dejavu-core, or set CHROMIUM`,
    );
  }
  // Root has no sandbox of Chromium's; the page is a file that was just written.
  return await chromium.launch({ executablePath: path, args: ["--no-sandbox"] });
}
