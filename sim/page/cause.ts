/** Why it failed, in sentences; each leads to its moment. */
import type { Recording } from "../view/recording.ts";
import { printClock } from "../view/words-of.ts";
import { fill, h } from "./dom.ts";
import type { Shown, Store } from "./store.ts";

type Item = { readonly entry: number; readonly line: HTMLElement; readonly button: HTMLElement };

export function createCause(store: Store): HTMLElement {
  const list = h("ol", { class: "story" });
  const hint =
    "Only what led to it. A diamond is a line of the script or a fault; a cross is a message that a fault met.";
  const element = h("div", { class: "panel" }, h("p", { class: "quiet" }, hint), list);
  let items: readonly Item[] = [];
  let drawn: Recording | null = null;
  let current: Item | null = null;
  queueMicrotask(() => store.onChange(draw));
  return element;

  function draw({ recording, chosen, tab }: Shown): void {
    if (tab !== "cause") return;
    if (drawn !== recording) {
      drawn = recording;
      current = null;
      items = itemsOf(recording);
      const nothing = h("li", {}, "Nothing failed: all promises were kept.");
      fill(list, ...(items.length === 0 ? [nothing] : items.map(({ line }) => line)));
    }
    // Of several sentences of one moment, or of moments between two sentences, the last one is where we are.
    const next = items.findLast(({ entry }) => entry <= chosen) ?? null;
    if (next === current) return;
    mark(current, false);
    mark(next, true);
    current = next;
    if (next !== null) reveal(next.line);
  }

  function itemsOf({ story, failure, entries, verdict }: Recording): readonly Item[] {
    if (failure === null) return [];
    const told = story.map(({ text, time, entry, hit }) => {
      const kind = hit ? "hit" : text.startsWith("* ") ? "script" : "said";
      return itemOf(kind, time, text.replace(/^[*!] /, ""), entry);
    });
    return [...told, itemOf("broken", failure.time, verdict, entries.length - 1)];
  }

  function itemOf(kind: string, time: number, text: string, entry: number): Item {
    const button = h(
      "button",
      { type: "button", onclick: () => store.choose(entry) },
      h("span", { class: "when" }, printClock(time)),
      h("span", { class: "what" }, text),
    );
    return { entry, button, line: h("li", { class: kind }, button) };
  }

  /** Within the panel: the page itself stays where it is. */
  function reveal(line: HTMLElement): void {
    const panel = element.parentElement;
    if (panel === null) return;
    const [inner, outer] = [line.getBoundingClientRect(), panel.getBoundingClientRect()];
    if (inner.top < outer.top) panel.scrollTop += inner.top - outer.top;
    else if (inner.bottom > outer.bottom) panel.scrollTop += inner.bottom - outer.bottom;
  }
}

function mark(item: Item | null, current: boolean): void {
  if (item === null) return;
  item.line.classList.toggle("current", current);
  if (current) item.button.setAttribute("aria-current", "step");
  else item.button.removeAttribute("aria-current");
}
