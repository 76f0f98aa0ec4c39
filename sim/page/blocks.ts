/** Who has sent which blocks of which image to whom, until the chosen moment. */
import { type Flow, flowsUntil } from "../view/flow.ts";
import { printBytes } from "../view/words-of.ts";
import { fill, h } from "./dom.ts";
import type { Store } from "./store.ts";

const FLOWS_MAX = 60; // of one image

export function createBlocks(store: Store): HTMLElement {
  const images = h("div", {});
  const element = h(
    "div",
    { class: "panel" },
    h("p", { class: "quiet" }, "Until the chosen moment, the most bytes first."),
    images,
  );
  store.onChange(({ recording, chosen, tab }) => {
    if (tab !== "blocks") return;
    const flows = flowsUntil(recording.blocks, chosen);
    const names = [...new Set(flows.map(({ image }) => image))];
    if (flows.length === 0) return fill(images, h("p", {}, "No block has been sent yet."));
    fill(
      images,
      ...names.map((image) =>
        imageOf(
          image,
          flows.filter((flow) => flow.image === image),
        ),
      ),
    );
  });
  return element;

  function imageOf(image: string, flows: readonly Flow[]): HTMLElement {
    const most = Math.max(...flows.map(({ bytes }) => bytes), 1);
    const more = flows.length - FLOWS_MAX;
    return h(
      "section",
      { class: "image" },
      h("h3", {}, image),
      h("ul", { class: "flows" }, ...flows.slice(0, FLOWS_MAX).map((flow) => flowOf(flow, most))),
      more > 0 ? h("p", { class: "quiet" }, `and ${more} smaller ones`) : null,
    );
  }

  function flowOf({ from, to, blocks, bytes, last, lastEntry }: Flow, most: number): HTMLElement {
    const bar = h("span", { class: "amount" });
    bar.style.width = `${Math.max(2, (100 * bytes) / most)}%`;
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", onclick: () => store.choose(lastEntry) },
        h("span", { class: "way" }, `${from} \u2192 ${to}`),
        h("span", { class: "quiet" }, `${blocks} ${blocks === 1 ? "block" : "blocks"}, ${printBytes(bytes)}`),
        h("span", { class: "quiet last" }, `last ${last}`),
        bar,
      ),
    );
  }
}
