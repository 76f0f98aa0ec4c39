/** The page of a run: reads what it carries, and puts its parts together. */
import type { Embedded } from "../view/embedded.ts";
import { createBlocks } from "./blocks.ts";
import { createCause } from "./cause.ts";
import { createDiagram } from "./diagram.ts";
import { h } from "./dom.ts";
import { createHead, createMoment, createVerdict } from "./head.ts";
import { createDisk, createState } from "./knowledge.ts";
import { createRunner } from "./running.ts";
import { createScript } from "./script-panel.ts";
import { createStore, type Store, type Tab, TABS } from "./store.ts";
import { createTimeline } from "./timeline.ts";

const TITLES: Readonly<Record<Tab, string>> = {
  cause: "Cause",
  state: "State",
  disk: "Disk",
  blocks: "Blocks",
  script: "Script",
};

/** What stands in an element, packed: gzip in base64. */
async function unpacked(id: string): Promise<string> {
  const text = document.getElementById(id)?.textContent ?? "";
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at); // megabytes: as fast as it can be
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

function createTabs(store: Store, panels: Readonly<Record<Tab, HTMLElement>>): HTMLElement {
  const buttons = TABS.map((tab) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${tab}`,
        "aria-controls": `panel-${tab}`,
        onclick: () => store.set({ tab }),
      },
      TITLES[tab],
    ),
  );
  const bodies = TABS.map((tab) =>
    h(
      "div",
      { role: "tabpanel", id: `panel-${tab}`, "aria-labelledby": `tab-${tab}`, tabindex: 0 },
      panels[tab],
    ),
  );
  const list = h(
    "div",
    {
      class: "tabs",
      role: "tablist",
      "aria-label": "Views",
      onkeydown: (event) => move(event as KeyboardEvent),
    },
    ...buttons,
  );
  store.onChange(({ tab }) => {
    for (const [at, each] of TABS.entries()) {
      buttons[at]?.setAttribute("aria-selected", String(each === tab));
      if (buttons[at] !== undefined) buttons[at].tabIndex = each === tab ? 0 : -1;
      if (bodies[at] !== undefined) bodies[at].hidden = each !== tab;
    }
  });
  return h("section", { class: "card views" }, list, ...bodies);

  function move({ key }: KeyboardEvent): void {
    const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const at = (TABS.indexOf(store.get().tab) + step + TABS.length) % TABS.length;
    store.set({ tab: TABS[at] ?? "cause" });
    buttons[at]?.focus();
  }
}

async function open(): Promise<void> {
  const embedded = JSON.parse(await unpacked("recording")) as Embedded;
  const runner = createRunner(await unpacked("simulator"));
  const store = createStore(embedded);
  const panels = {
    cause: createCause(store),
    state: createState(store),
    disk: createDisk(store),
    blocks: createBlocks(store),
    script: createScript(store, runner),
  };
  document.body.replaceChildren(
    createHead(store),
    createVerdict(store),
    createTimeline(store),
    h(
      "main",
      {},
      createDiagram(store),
      h("div", { class: "side" }, createMoment(store), createTabs(store, panels)),
    ),
  );
  document.body.dataset["ready"] = "yes";
}

open().catch((error: unknown) => {
  document.body.replaceChildren(h("p", {}, `This page cannot be shown: ${String(error)}`));
});
