/**
 * The page of a shrunk failure, in a real browser: it tells what failed and why, its parts do not overlap, and the
 * simulator in it does what the simulator on Node does. Needs Debian's packages chromium and fonts-dejavu-core.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import { writePage } from "../../sim/cli/page.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import { recordRun } from "../../sim/view/record.ts";
import { launchChromium } from "./chromium.ts";
import { look } from "./look.ts";

const SCRIPT = "test/sim/scripts/reported-then-cut.sim";
const MUTANT = "exchange_not_synced"; // the power cut takes the name of an image that was reported
const PAGE_BYTES_MAX = 5_000_000;
const SCREENSHOT = "docs/sim-report.png";
const SCREENSHOT_BYTES_MAX = 300_000;
const RUN_MS_MAX = 30_000;
const OPENS_WITHIN_MS = 2_000;
const OPENINGS = 4;
const SIZES = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;
const TABS = ["cause", "state", "disk", "blocks", "script"] as const;

let folder = "";
let file = "";
let browser: Browser;

type Output = { readonly out: string; readonly code: number };

/** The simulator as a person starts it. */
function sim(...words: readonly string[]): Promise<Output> {
  return new Promise((done) => {
    execFile("npx", ["tsx", "sim/main.ts", ...words], { maxBuffer: 1e8 }, (error, out) => {
      done({ out, code: typeof error?.code === "number" ? error.code : 0 });
    });
  });
}

/** The page, opened as a file; what it complains of is kept. */
async function opened(size: (typeof SIZES)[number], scheme: "light" | "dark" = "light", of = file) {
  const complaints: string[] = [];
  const page = await browser.newPage({ viewport: size, colorScheme: scheme });
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!/^(file|blob):/.test(request.url())) complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(of).href);
  await page.waitForSelector("body[data-ready]");
  return { page, complaints };
}

const shown = async (page: Page, selector: string): Promise<string> =>
  (await page.textContent(selector)) ?? "";

/** Waits for the run that the page makes by itself, or that was asked for. */
async function ran(page: Page, digest: string): Promise<void> {
  await expect.poll(() => shown(page, "#digest-here"), { timeout: RUN_MS_MAX }).toBe(digest);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ciruela-report-"));
  file = join(folder, "report.html");
  const { out, code } = await sim("shrink", SCRIPT, "--mutant", MUTANT, "--html", file);
  expect(out).toContain("// fails: acked_lost");
  expect(code).toBe(1);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("the page is one small file", async () => {
  expect((await stat(file)).size).toBeLessThan(PAGE_BYTES_MAX);
  // The name of SVG is an address, and none that anybody asks.
  const text = (await readFile(file, "utf8")).replaceAll("http://www.w3.org/2000/svg", "");
  expect(/https?:/.test(text)).toBe(false);
});

test("it opens at once", async () => {
  const times: number[] = [];
  while (times.length < OPENINGS) {
    const began = performance.now();
    const { page } = await opened(SIZES[0]);
    times.push(performance.now() - began);
    await page.close();
  }
  expect(Math.min(...times)).toBeLessThan(OPENS_WITHIN_MS); // others may keep the processors busy
});

test("it names the failing event, the oracle and the cause, and says that a bug is planted", async () => {
  const { page, complaints } = await opened(SIZES[0]);
  expect(await shown(page, "#oracle")).toBe("acked_lost");
  expect(await shown(page, "#detail")).toMatch(/^n1 reported #\d at \/site\/v4 and has nothing/);
  expect(await shown(page, "#failing")).toContain("crash n1 weak");
  expect(await shown(page, ".moment")).toContain("This is the failing event.");
  expect(await shown(page, ".mutant")).toContain(MUTANT);
  const told = await page.locator(".story .what").allTextContents();
  expect(told).toContain("crash n1 disk=weak");
  expect(told.some((text) => text.startsWith("n1 has committed"))).toBe(true);
  expect(told.at(-1)).toMatch(/^acked_lost: /);
  expect(await page.locator(".row-end .label").textContent()).toMatch(/^acked_lost/);
  expect(complaints).toEqual([]);
  await page.close();
});

test("the browser computes the same digest as Node, also of a script that was changed", async () => {
  const { page, complaints } = await opened(SIZES[0]);
  const first = await shown(page, "#digest-node");
  await ran(page, first);
  expect(await shown(page, "#digest-equal")).toBe("yes, the same run");
  expect(await shown(page, "header .digest")).toContain("the same here and on Node");

  await page.click("#tab-script");
  const script = await page.inputValue("#script");
  expect(script).toContain("crash n1 disk=weak");
  const edited = script.replace("crash n1 disk=weak", "crash n1 disk=kept");
  await page.fill("#script", edited);
  const copy = join(folder, "edited.sim");
  await writeFile(copy, edited);
  const node = await sim("run", copy, "--mutant", MUTANT);
  const digest = /^digest (\w{32})$/m.exec(node.out)?.[1] ?? "";
  expect(digest).not.toBe(first);
  await page.click("text=Run it here");
  await ran(page, digest);
  // A killed process loses no name: with this line the promise is kept.
  expect(node.code).toBe(0);
  expect(await shown(page, ".verdict")).toContain("All well");

  await page.fill("#script", script.replace("cluster 2", "cluster none"));
  await page.click("text=Run it here");
  await page.waitForSelector("#status.trouble");
  expect(await shown(page, "#status")).toMatch(/^Line 2 of the script/);

  await page.click("text=Back to the first script");
  await ran(page, first);
  expect(await shown(page, "#oracle")).toBe("acked_lost");
  expect(complaints).toEqual([]);
  await page.close();
});

test("what a script says is text in the page, and never markup", async () => {
  const { page, complaints } = await opened(SIZES[0]);
  await page.click("#tab-script");
  const script = await page.inputValue("#script");
  await page.fill("#script", script.replaceAll("/site/v4", "/site/<img_src=x_onerror=alert(1)>"));
  await page.click("text=Run it here");
  await page.getByText("<img_src=x_onerror=alert(1)>").first().waitFor();
  for (const tab of TABS) {
    await page.click(`#tab-${tab}`);
    expect(await page.locator("img").count()).toBe(0);
  }
  expect(complaints).toEqual([]);
  await page.close();
});

test("the scrubber moves by keys, and everything follows it", async () => {
  const { page, complaints } = await opened(SIZES[0]);
  const moment = (): Promise<string> => shown(page, ".moment h2");
  const before = await moment();
  await page.focus("#scrubber");
  await page.keyboard.press("ArrowLeft");
  await expect.poll(moment).not.toBe(before);
  await page.keyboard.press("Home");
  await expect.poll(moment).toMatch(/^Moment 1 of /);
  await page.keyboard.press("ArrowRight");
  await expect.poll(moment).toMatch(/^Moment 2 of /);
  await page.click("text=To the failure");
  await expect.poll(moment).toBe(before);

  // At the failing event the name of the image is not durable yet.
  await page.click("#tab-disk");
  await page.selectOption("#disk-host", "n1");
  const line = page.locator("#panel-disk li", { hasText: "/srv/site/v4/" }).first();
  await expect.poll(() => line.textContent()).toContain("name volatile");
  // What is different is different from the moment that was chosen before.
  await page.click("#tab-state");
  await expect.poll(() => page.locator("#panel-state .changed tr").count()).toBeGreaterThan(0);
  expect(await shown(page, "#panel-state h3")).toMatch(/since moment 2,/);
  await page.click("#tab-blocks");
  await expect.poll(() => page.locator("#panel-blocks .way").allTextContents()).toContain("c4 \u2192 n2");

  // The diagram by keys: a row up is an earlier moment.
  await page.focus(".scroll");
  await page.keyboard.press("ArrowUp");
  await expect.poll(moment).not.toBe(before);
  await expect.poll(() => page.locator(".row.current").count()).toBe(1);
  // Hosts that are asked for are the only ones with a lane.
  await page.fill("#hosts", "n1 c*");
  await expect.poll(() => page.locator(".lane-host").allTextContents()).toEqual(["n1", "c3", "c4"]);
  expect(complaints).toEqual([]);
  await page.close();
});

for (const size of SIZES) {
  for (const scheme of ["light", "dark"] as const) {
    test(`at ${size.width} x ${size.height}, ${scheme}: nothing overlaps, all text has 12 px`, async () => {
      const { page, complaints } = await opened(size, scheme);
      await ran(page, await shown(page, "#digest-node"));
      for (const tab of TABS) {
        await page.click(`#tab-${tab}`);
        for (const level of ["story", "messages", "all"]) {
          await page.selectOption("#level", level);
          await page.waitForTimeout(50); // a frame in which it is drawn
          const { boxes, ...wrong } = await look(page);
          expect(boxes).toBeGreaterThan(30);
          expect(wrong).toEqual({ overlaps: [], small: [], outside: [] });
        }
      }
      expect(complaints).toEqual([]);
      await page.close();
    });
  }
}

test("text over text and letters too small would be seen", async () => {
  const { page } = await opened(SIZES[0]);
  await page.evaluate(`document.querySelector("#detail").style.marginBottom = "-16px"`);
  await page.evaluate(`document.querySelector(".moment h2").style.fontSize = "11px"`);
  const { overlaps, small } = await look(page);
  expect(overlaps.length).toBeGreaterThan(0);
  expect(small.length).toBe(1);
  await page.close();
});

test("what the page of a long run does not carry is computed when a host is looked at", async () => {
  const text =
    "seed 3\ncluster 2 levels=1 append=no disk=weak\nat 500ms upload c1 /site/current #7 files=3 to n1\n";
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(parsed.what);
  const recording = recordRun(parsed.script, kernelCast, { crypto: createCrypto(), states: [] });
  const thin = join(folder, "thin.html");
  await writePage(thin, { name: "thin", recording, digest: recording.digest, mutant: null });
  const { page, complaints } = await opened(SIZES[0], "light", thin);
  await page.click("#tab-state");
  await page.selectOption("#state-host", "n2");
  await expect.poll(() => shown(page, "#panel-state"), { timeout: RUN_MS_MAX }).toContain("catalog.");
  expect(await shown(page, "#digest-equal")).toBe("yes, the same run");
  await page.click("#tab-disk");
  await expect.poll(() => shown(page, "#panel-disk .tree")).toContain("/srv/site/current/");
  expect(complaints).toEqual([]);
  await page.close();
});

test("a picture of it is in the documentation", async () => {
  const { page } = await opened(SIZES[0]);
  await ran(page, await shown(page, "#digest-node"));
  await page.screenshot({ path: SCREENSHOT });
  expect((await stat(SCREENSHOT)).size).toBeLessThan(SCREENSHOT_BYTES_MAX);
  await page.close();
});
