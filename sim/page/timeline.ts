/** The scrubber, and above it in lanes what was wrong when. Both run by the order of events, so that quiet takes no room. */
import { type FaultLane, faultLanesOf } from "../view/fault-lanes.ts";
import type { Entry, Recording } from "../view/recording.ts";
import { printClock } from "../view/words-of.ts";
import { fill, h, s } from "./dom.ts";
import type { Shown, Store } from "./store.ts";

const LANE_HEIGHT = 22;
const BAR_HEIGHT = 14;
const BAR_WIDTH_MIN = 3;
const NAME_WIDTH = 112;
const AXIS_HEIGHT = 22;
const TICK_WIDTH = 96; // room for one time

export function createTimeline(store: Store): HTMLElement {
  const drawing = s("svg", { class: "lanes", role: "img" });
  const needle = s("line", { class: "needle", y1: 0 });
  const slider = h("input", {
    type: "range",
    id: "scrubber",
    min: 0,
    step: 1,
    "aria-label": "Moment, by the order of events",
    oninput: () => store.choose(Number(slider.value)),
  });
  const back = button("Earlier", () => store.choose(store.get().chosen - 1));
  const forth = button("Later", () => store.choose(store.get().chosen + 1));
  const failure = button("To the failure", () => {
    const { recording } = store.get();
    store.choose(recording.failing ?? recording.entries.length - 1);
  });
  const bar = h("div", { class: "bar" }, back, slider, forth, failure);
  const where = h("div", { class: "scroll-x" }, drawing);
  const element = h("section", { class: "card timeline", "aria-label": "Timeline" }, where, bar);
  let drawnOf: Recording | null = null;
  let drawnWidth = 0;

  function draw({ recording, chosen }: Shown): void {
    const width = Math.max(280, Math.floor(element.clientWidth - 24));
    const last = recording.entries.length - 1;
    if (drawnOf !== recording || drawnWidth !== width) {
      drawnOf = recording;
      drawnWidth = width;
      drawLanes(recording, width);
      slider.max = String(last);
      failure.hidden = recording.failure === null;
    }
    slider.value = String(chosen);
    slider.setAttribute("aria-valuetext", momentText(recording, chosen));
    back.disabled = chosen === 0;
    forth.disabled = chosen === last;
    const x = placeOf(chosen, last, width);
    needle.setAttribute("x1", String(x));
    needle.setAttribute("x2", String(x));
  }

  function drawLanes({ entries, failing }: Recording, width: number): void {
    const lanes = faultLanesOf(entries);
    const last = entries.length - 1;
    const height = lanes.length * LANE_HEIGHT + AXIS_HEIGHT;
    drawing.setAttribute("width", String(width));
    drawing.setAttribute("height", String(height));
    drawing.setAttribute("aria-label", lanes.map(({ name, spans }) => `${name}: ${spans.length}`).join(", "));
    needle.setAttribute("y2", String(height - AXIS_HEIGHT + 4));
    const failed = failing === null ? null : placeOf(failing, last, width);
    fill(
      drawing,
      ...lanes.flatMap((lane, at) => drawLane(lane, at * LANE_HEIGHT, last, width, store)),
      ...drawAxis(entries, height - AXIS_HEIGHT, width),
      failed === null
        ? null
        : s("line", { class: "failed", x1: failed, x2: failed, y1: 0, y2: height - AXIS_HEIGHT + 4 }),
      needle,
    );
  }

  addEventListener("resize", () => draw(store.get()));
  queueMicrotask(() => store.onChange(draw));
  return element;
}

function drawLane(
  lane: FaultLane,
  top: number,
  last: number,
  width: number,
  store: Store,
): readonly SVGElement[] {
  const bars: SVGElement[] = [];
  let covered = -1;
  for (const { from, to, text } of lane.spans) {
    const x = placeOf(from, last, width);
    const end = Math.max(placeOf(to, last, width), x + BAR_WIDTH_MIN);
    if (end <= covered) continue; // of very many only those that can be seen
    covered = end;
    const shape = s(
      "rect",
      {
        class: `bar-${lane.name.split(" ")[0]}`,
        x,
        y: top + (LANE_HEIGHT - BAR_HEIGHT) / 2,
        width: end - x,
        height: BAR_HEIGHT,
        rx: 3,
        onclick: () => store.choose(from),
      },
      s("title", {}, text),
    );
    bars.push(shape);
  }
  const middle = top + LANE_HEIGHT / 2;
  return [
    s("line", { class: "rail", x1: NAME_WIDTH, x2: width, y1: middle, y2: middle }),
    s("text", { class: "lane-name", x: 0, y: middle + 4 }, lane.name),
    ...bars,
  ];
}

/** Times under the lanes, each where it was reached. */
function drawAxis(entries: readonly Entry[], top: number, width: number): readonly SVGElement[] {
  const last = entries.length - 1;
  const count = Math.max(2, Math.floor((width - NAME_WIDTH) / TICK_WIDTH));
  return Array.from({ length: count }, (_, at) => {
    const entry = Math.round((last * at) / (count - 1));
    const x = placeOf(entry, last, width);
    const anchor = at === 0 ? "start" : at === count - 1 ? "end" : "middle";
    return s(
      "text",
      { class: "tick", x, y: top + 16, "text-anchor": anchor },
      printClock(entries[entry]?.time ?? 0),
    );
  });
}

function placeOf(entry: number, last: number, width: number): number {
  return NAME_WIDTH + ((width - NAME_WIDTH - 2) * entry) / Math.max(1, last);
}

export function momentText({ entries }: Recording, at: number): string {
  return `${at + 1} of ${entries.length}, ${printClock(entries[at]?.time ?? 0)}`;
}

export function button(text: string, onclick: () => void): HTMLButtonElement {
  return h("button", { type: "button", onclick }, text);
}
