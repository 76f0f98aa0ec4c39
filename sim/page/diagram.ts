/** The sequence diagram: only the rows of the window that is looked at exist. */
import { type FaultLane, faultLanesOf } from "../view/fault-lanes.ts";
import {
  type Drawn,
  isShown,
  laneCentres,
  lanesThatFit,
  layRows,
  ROW_HEIGHT,
  TIME_WIDTH,
} from "../view/layout.ts";
import type { Recording } from "../view/recording.ts";
import { LEVELS, type Level, type Row } from "../view/rows.ts";
import { printClock } from "../view/words-of.ts";
import { fill, h, s } from "./dom.ts";
import { lanesShown, type Shown, type Store } from "./store.ts";

const HEAD_HEIGHT = 30;
const NAME_CHARS_MAX = 12;
const LEVEL_NAMES: Readonly<Record<Level, string>> = {
  story: "What led to the failure",
  messages: "Messages, marks, faults",
  all: "Everything",
};

export function createDiagram(store: Store): HTMLElement {
  const level = h(
    "select",
    { id: "level", onchange: () => store.set({ level: level.value as Level }) },
    ...LEVELS.map((each) => h("option", { value: each }, LEVEL_NAMES[each])),
  );
  const wanted = h("input", {
    id: "hosts",
    type: "search",
    placeholder: "all, or n1 n2 c*",
    oninput: () => store.set({ wanted: wanted.value.split(/[\s,]+/).filter((word) => word !== "") }),
  });
  const count = h("span", { class: "quiet", role: "status" });
  const tools = h(
    "div",
    { class: "tools" },
    h("label", { for: "level" }, "Show"),
    level,
    h("label", { for: "hosts" }, "Hosts"),
    wanted,
    count,
  );
  const head = s("svg", { class: "lane-head", height: HEAD_HEIGHT, "aria-hidden": true });
  const drawing = s("svg", { class: "sequence", role: "img", "aria-label": "Sequence diagram" });
  const tall = h("div", { class: "tall" }, drawing);
  const scroll = h(
    "div",
    {
      class: "scroll",
      tabindex: 0,
      role: "group",
      "aria-label": "Sequence diagram; arrow keys choose a row",
      onkeydown,
    },
    head,
    tall,
  );
  const element = h(
    "section",
    { class: "card diagram", "aria-label": "Sequence diagram" },
    h("h2", {}, "Sequence"),
    tools,
    scroll,
  );
  let rows: readonly Row[] = [];
  let lanes: readonly string[] = [];
  let known: { readonly rows: readonly Row[]; readonly lanes: string } | null = null;
  let down: { readonly of: Recording; readonly lanes: readonly FaultLane[] } | null = null;
  let chosenBefore = -1;

  function draw(shown: Shown): void {
    const { recording, chosen } = shown;
    element.classList.toggle("bad-run", recording.failure !== null);
    level.value = shown.level;
    for (const option of level.options)
      option.disabled = option.value === "story" && recording.failure === null;
    const width = widthOf();
    const all = store.rows();
    lanes = lanesShown(shown, all, lanesThatFit(width));
    const key = lanes.join(" ");
    if (known?.rows !== all || known.lanes !== key) {
      known = { rows: all, lanes: key };
      const set = new Set(lanes);
      rows = all.filter((row) => isShown(row, set));
      tall.style.height = `${rows.length * ROW_HEIGHT}px`;
      chosenBefore = -1;
    }
    const hosts = recording.hosts.length;
    count.textContent = `${lanes.length} of ${hosts} hosts, ${rows.length} rows`;
    if (chosen !== chosenBefore) {
      chosenBefore = chosen;
      reveal(rowOf(chosen));
    }
    drawWindow(shown, width);
  }

  function widthOf(): number {
    return Math.max(280, scroll.clientWidth);
  }

  /** The row of an entry, or the last one before it. */
  function rowOf(entry: number): number {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle]?.entry ?? 0) < entry) low = middle + 1;
      else high = middle;
    }
    return rows[low]?.entry === entry ? low : Math.max(0, low - 1);
  }

  function reveal(row: number): void {
    const [top, height] = [row * ROW_HEIGHT, scroll.clientHeight - HEAD_HEIGHT];
    if (top < scroll.scrollTop || top + ROW_HEIGHT > scroll.scrollTop + height) {
      scroll.scrollTop = Math.max(0, Math.round((top - height / 2) / ROW_HEIGHT) * ROW_HEIGHT);
    }
  }

  function drawWindow({ recording, chosen }: Shown, width: number): void {
    const window = { top: scroll.scrollTop, height: scroll.clientHeight };
    const drawn = layRows(rows, lanes, width, window);
    const top = drawn[0]?.top ?? 0;
    const height = drawn.length * ROW_HEIGHT;
    drawing.style.top = `${top}px`;
    for (const svg of [head, drawing]) svg.setAttribute("width", String(width));
    drawing.setAttribute("height", String(height));
    const centres = laneCentres(lanes, width);
    if (down?.of !== recording) down = { of: recording, lanes: faultLanesOf(recording.entries) };
    const off = down.lanes.filter(({ name }) => name === "down" || name === "paused");
    const inner = s("g", { transform: `translate(0 ${-top})` });
    for (const [host, x] of centres) {
      inner.append(s("line", { class: "life", x1: x, x2: x, y1: top, y2: top + height }));
      for (const each of drawn) {
        const dead = off.find(({ spans }) => spans.some((span) => isOff(span, host, each.row.entry)));
        if (dead === undefined) continue;
        inner.append(
          s("line", { class: `life-${dead.name}`, x1: x, x2: x, y1: each.top, y2: each.top + ROW_HEIGHT }),
        );
      }
    }
    const current = rowOf(chosen);
    for (const each of drawn)
      inner.append(drawRow(each, each.at === current, each.row.entry === recording.failing, width));
    fill(drawing, inner);
    fill(
      head,
      s("text", { class: "lane-time", x: 8, y: 20 }, "time"),
      ...[...centres].map(([host, x]) => laneName(host, x)),
    );
  }

  function drawRow(each: Drawn, current: boolean, failing: boolean, width: number): SVGElement {
    const { row, top, label, arrow, dot } = each;
    const damaged = row.fate !== null;
    const kind = `row row-${row.kind}${damaged ? " damaged" : ""}${current ? " current" : ""}${failing ? " failing" : ""}`;
    const group = s("g", { class: kind, "data-entry": row.entry, onclick: () => store.choose(row.entry) });
    group.append(s("rect", { class: "band", x: 0, y: top, width, height: ROW_HEIGHT }));
    if (rows[each.at - 1]?.time !== row.time || current) {
      group.append(
        s(
          "text",
          { class: "time", x: TIME_WIDTH - 10, y: top + 21, "text-anchor": "end" },
          printClock(row.time),
        ),
      );
    }
    if (arrow !== null) group.append(...drawArrow(arrow, row.kind === "lost"));
    if (dot !== null)
      group.append(s("circle", { class: "dot", cx: dot.x, cy: dot.y, r: row.kind === "mark" ? 4.5 : 3 }));
    const { x, y, width: wide, height } = label;
    group.append(
      s("rect", { class: "label-back", x: x - 2, y: y - 1, width: wide + 4, height: height + 2, rx: 3 }),
    );
    group.append(s("text", { class: "label", x, y: y + 12 }, label.text));
    group.append(s("title", {}, row.text));
    return group;
  }

  function onkeydown(event: Event): void {
    const { key } = event as KeyboardEvent;
    const step = KEYS[key];
    if (step === undefined || rows.length === 0) return;
    event.preventDefault();
    const now = rowOf(store.get().chosen);
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW_HEIGHT) - 2);
    let next = Math.min(
      Math.max(0, now + (Math.abs(step) === 10 ? Math.sign(step) * page : step)),
      rows.length - 1,
    );
    // Rows of one entry are one moment.
    while (
      Math.abs(step) === 1 &&
      rows[next]?.entry === store.get().chosen &&
      rows[next + step] !== undefined
    )
      next += step;
    store.choose(rows[next]?.entry ?? 0);
  }

  scroll.addEventListener("scroll", () => drawWindow(store.get(), widthOf()));
  addEventListener("resize", () => draw(store.get()));
  queueMicrotask(() => store.onChange(draw));
  return element;
}

const KEYS: Readonly<Record<string, number>> = {
  ArrowUp: -1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowRight: 1,
  PageUp: -10,
  PageDown: 10,
  Home: -Infinity,
  End: Infinity,
};

function laneName(host: string, x: number): SVGElement {
  const text = host.length > NAME_CHARS_MAX ? `${host.slice(0, NAME_CHARS_MAX - 1)}\u2026` : host;
  return s("text", { class: "lane-host", x, y: 20, "text-anchor": "middle" }, text);
}

function isOff(span: FaultLane["spans"][number], host: string, entry: number): boolean {
  return entry >= span.from && entry < span.to && span.text.split(" ")[1] === host;
}

function drawArrow({ from, to, y }: NonNullable<Drawn["arrow"]>, lost: boolean): readonly SVGElement[] {
  const way = to > from ? 1 : -1;
  const end = lost ? to - way * Math.min(26, Math.abs(to - from) / 3) : to;
  const line = s("line", { class: "arrow", x1: from, x2: end - way * 3, y1: y, y2: y });
  const tip = lost
    ? s("path", { class: "cross", d: `M${end - 5} ${y - 5}l10 10m0 -10l-10 10` })
    : s("path", { class: "tip", d: `M${end} ${y}l${-way * 9} -4.5v9z` });
  return [line, tip];
}
