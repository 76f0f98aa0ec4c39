/** What one host knows at the chosen moment, what its disk has, and what of both is different from the moment before. */
import { differenceOf, byKey, type Difference, type Table, tableAt } from "../view/moment.ts";
import type { Changes } from "../view/recording.ts";
import { type TreeLine, treeOf } from "../view/tree.ts";
import { printBytes } from "../view/words-of.ts";
import type { Durability } from "../disk-layers.ts";
import { fill, h } from "./dom.ts";
import { isKnown, type Shown, type Store } from "./store.ts";

const ROWS_MAX = 400;
const DURABILITY: Readonly<Record<Durability, string>> = {
  durable: "durable",
  bytes_volatile: "bytes volatile",
  name_volatile: "name volatile",
  removed_volatile: "removal volatile",
};

export function createState(store: Store): HTMLElement {
  const filter = h("input", {
    id: "filter",
    type: "search",
    placeholder: "part of a name or value",
    oninput: () => draw(store.get()),
  });
  const changed = h("div", {});
  const all = h("div", {});
  const title = h("h3", {});
  const element = h(
    "div",
    { class: "panel" },
    hostPicker(store, "state-host"),
    title,
    changed,
    h(
      "div",
      { class: "tools" },
      h("h3", {}, "All that it knows"),
      h("label", { for: "filter" }, "Filter"),
      filter,
    ),
    all,
  );
  store.onChange(draw);
  return element;

  function draw(shown: Shown): void {
    if (shown.tab !== "state") return;
    const pair = tablesOf(shown, shown.recording.states);
    title.textContent = sinceText(shown);
    if (pair === null) return fill(changed, unknown());
    const differences = differenceOf(pair.before, pair.now);
    fill(changed, differences.length === 0 ? h("p", { class: "quiet" }, "Nothing.") : table(differences));
    const word = filter.value.toLowerCase();
    const rows = Array.from(pair.now, ([key, value]) => ({ key, value }))
      .filter(({ key, value }) => `${key} ${value}`.toLowerCase().includes(word))
      .toSorted(byKey);
    const more = rows.length - ROWS_MAX;
    fill(
      all,
      h(
        "table",
        {},
        ...rows
          .slice(0, ROWS_MAX)
          .map(({ key, value }) => h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, value))),
      ),
      more > 0 ? h("p", { class: "quiet" }, `and ${more} more: filter them`) : null,
    );
  }
}

export function createDisk(store: Store): HTMLElement {
  const title = h("h3", {});
  const tree = h("ul", { class: "tree" });
  const gone = h("ul", { class: "tree" });
  const count = h("summary", {});
  const more = h("details", {}, count, gone);
  const legend = h(
    "p",
    { class: "legend" },
    ...Object.entries(DURABILITY).map(([name, text]) => h("span", { class: `pill ${name}` }, text)),
  );
  const element = h(
    "div",
    { class: "panel" },
    hostPicker(store, "disk-host"),
    h(
      "p",
      { class: "quiet" },
      "A power cut keeps what is durable; the rest it may keep, tear, lose or bring back.",
    ),
    legend,
    title,
    tree,
    more,
  );
  store.onChange((shown) => {
    if (shown.tab !== "disk") return;
    const pair = tablesOf(shown, shown.recording.disks);
    title.textContent = `On the disk of ${shown.host}. ${sinceText(shown)}`;
    if (pair === null) return fill(tree, unknown());
    const lines = treeOf(pair.before, pair.now);
    const [ghosts, visible] = [lines.filter(isGhost), lines.filter((line) => !isGhost(line))];
    fill(
      tree,
      ...(visible.length === 0 ? [h("li", {}, "Nothing.")] : visible.slice(0, ROWS_MAX).map(treeLine)),
    );
    fill(gone, ...ghosts.slice(0, ROWS_MAX).map(treeLine));
    more.hidden = ghosts.length === 0;
    count.textContent = `${ghosts.length} that no reader sees, and that a power cut may bring back`;
  });
  return element;
}

/** Removed, but not on the disk. */
function isGhost({ durability, change }: TreeLine): boolean {
  return durability === "removed_volatile" && change !== "gone";
}

function treeLine({ name, kind, bytes, durability, change, depth }: TreeLine): HTMLElement {
  const line = h(
    "li",
    { class: `${kind} ${change ?? "same"}` },
    h("span", { class: "name" }, kind === "directory" ? `${name}/` : name),
    bytes === null ? null : h("span", { class: "quiet" }, printBytes(bytes)),
    h("span", { class: `pill ${durability}` }, DURABILITY[durability]),
    change === null ? null : h("span", { class: `pill change-${change}` }, change),
  );
  line.style.paddingInlineStart = `${depth * 16}px`;
  return line;
}

function tablesOf(
  { recording, chosen, before, host }: Shown,
  changes: Changes,
): { readonly before: Table; readonly now: Table } | null {
  if (!isKnown(recording, host)) return null;
  const list = changes[host] ?? [];
  return { before: tableAt(list, before), now: tableAt(list, chosen) };
}

function sinceText({ before, host }: Shown): string {
  return `Different at ${host} since moment ${before + 1}, which was chosen before`;
}

function unknown(): HTMLElement {
  return h(
    "p",
    { class: "quiet" },
    "This run is too long to carry that along: it is computed here, and shown when that is done.",
  );
}

function table(differences: readonly Difference[]): HTMLElement {
  const rows = differences
    .slice(0, ROWS_MAX)
    .map(({ key, before, after }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, key),
        h(
          "td",
          {},
          before === null ? null : h("del", {}, before),
          after === null ? null : h("ins", {}, after),
        ),
      ),
    );
  return h("table", { class: "changed" }, ...rows);
}

function hostPicker(store: Store, id: string): HTMLElement {
  const select = h("select", { id, onchange: () => store.set({ host: select.value }) });
  let hosts: readonly string[] = [];
  store.onChange(({ recording, host }) => {
    if (hosts !== recording.hosts) {
      hosts = recording.hosts;
      fill(select, ...hosts.map((each) => h("option", { value: each }, each)));
    }
    select.value = host;
  });
  return h("div", { class: "tools" }, h("label", { for: id }, "Host"), select);
}
