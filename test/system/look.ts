/** What a person would see to be wrong with a page: text over text, parts over parts, letters too small to be read. */
import type { Page } from "playwright-core";

export type Looks = {
  /** Pairs of boxes that overlap, and neither is inside the other in the document. */
  readonly overlaps: readonly string[];
  /** Text below 12 px. */
  readonly small: readonly string[];
  /** Text that stands out of the window to the side. */
  readonly outside: readonly string[];
  /** Boxes that were compared. */
  readonly boxes: number;
};

/** As a script of the page: the tests know no DOM. */
const LOOK = `(() => {
  const SLACK = 1, SMALLEST = 12;
  const clipped = (element) => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    for (let at = element.parentElement; at !== null; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (at === document.documentElement || at === document.body) continue;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const box = at.getBoundingClientRect();
      left = Math.max(left, box.left); right = Math.min(right, box.right);
      top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
    }
    return { element, left, top, right, bottom };
  };
  const ownText = (element) => [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim() !== "");
  const words = (element) => (element.className?.baseVal ?? element.className) + " " + element.textContent.trim().slice(0, 40);
  const shown = [...document.body.querySelectorAll("*")].filter((each) => each.checkVisibility({ visibilityProperty: true }) && !["SCRIPT", "OPTION", "title", "TITLE"].includes(each.tagName));
  const texts = shown.filter((each) => ownText(each) || ["INPUT", "SELECT", "TEXTAREA", "BUTTON"].includes(each.tagName));
  const parts = [...document.querySelectorAll("header, .verdict, .card")].filter((each) => each.tagName !== "LI");
  const head = document.querySelector(".lane-head")?.getBoundingClientRect();
  const boxes = [...new Set([...texts, ...parts])].map(clipped).filter((box) => {
    // Rows pass under the names of the lanes, which hide them.
    if (head !== undefined && box.element.closest(".sequence") !== null) box.top = Math.max(box.top, head.bottom);
    return box.right - box.left > SLACK && box.bottom - box.top > SLACK;
  });
  const overlaps = [];
  boxes.forEach((a, at) => boxes.slice(at + 1).forEach((b) => {
    if (a.element.contains(b.element) || b.element.contains(a.element)) return;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > SLACK && high > SLACK) overlaps.push(words(a.element) + " | " + words(b.element) + " | " + [a, b].map((each) => [each.left, each.top, each.right, each.bottom].map(Math.round).join(",")).join(" | "));
  }));
  const small = texts.filter((each) => parseFloat(getComputedStyle(each).fontSize) < SMALLEST).map(words);
  const outside = boxes.filter(({ left, right }) => left < -SLACK || right > innerWidth + SLACK).map(({ element }) => words(element));
  return { overlaps, small, outside, boxes: boxes.length };
})()`;

export async function look(page: Page): Promise<Looks> {
  return await page.evaluate<Looks>(LOOK);
}
