/** What this page is about: the run, its verdict by name, and the chosen moment. */
import { momentText } from "./timeline.ts";
import { printClock, sentenceOf } from "../view/words-of.ts";
import type { Entry } from "../view/recording.ts";
import { fill, h } from "./dom.ts";
import type { Shown, Store } from "./store.ts";

const SHOWN_MAX = 8; // effects of one event

export function createHead(store: Store): HTMLElement {
  const facts = h("p", { class: "facts" });
  const digest = h("p", { class: "digest" });
  const mutant = h("details", { class: "mutant" });
  const element = h("header", {}, h("h1", {}, "Ciruela, simulated"), facts, digest, mutant);
  store.onChange((shown) => {
    const { recording, embedded, running, ranHere } = shown;
    const edited = recording.script !== embedded.recording.script;
    const of = edited ? "edited script" : embedded.name;
    facts.textContent = [
      of,
      `${recording.hosts.length} hosts`,
      `${recording.steps} events`,
      printClock(recording.time),
    ].join(" \u00b7 ");
    const equal = recording.digest === embedded.digest;
    const compared = equal ? "the same here and on Node" : "NOT the same as on Node";
    const state = running.kind === "running" ? "running here" : !ranHere || edited ? null : compared;
    fill(
      digest,
      h("span", {}, "digest "),
      h("code", {}, recording.digest),
      state === null ? null : h("span", { class: `pill ${equal ? "durable" : "removed_volatile"}` }, state),
    );
    const planted = embedded.mutant;
    mutant.hidden = planted === null;
    if (planted === null) return;
    const [file, before, after] = [planted.file, planted.before.trim(), planted.after.trim() || "nothing"];
    const title = h(
      "summary",
      {},
      "A bug is planted in the kernel of this page: ",
      h("code", {}, planted.name),
    );
    fill(mutant, title, `In ${file}, instead of `, h("code", {}, before), " there is ", h("code", {}, after));
  });
  return element;
}

export function createVerdict(store: Store): HTMLElement {
  const element = h("section", { class: "verdict", "aria-label": "Verdict" });
  store.onChange(({ recording: { failure, verdict, promise, failing, entries } }) => {
    element.className = `verdict ${failure === null ? "good" : "bad"}`;
    if (failure === null) return fill(element, h("h2", {}, "All well"), h("p", {}, verdict));
    const event = failing === null ? undefined : entries[failing];
    fill(
      element,
      h(
        "div",
        { class: "tools" },
        h("h2", {}, h("code", { id: "oracle" }, failure.code), ` at ${printClock(failure.time)}`),
        h("span", { class: "quiet" }, "failing event"),
        h(
          "button",
          { type: "button", id: "failing", onclick: () => store.choose(failing ?? 0) },
          nameOf(event),
        ),
      ),
      h("p", { id: "detail" }, `${failure.detail.split("\n")[0]?.replace(/^\w+: /, "")}.`),
      h("p", {}, `The promise that was broken: ${promise}.`),
    );
  });
  return element;
}

function nameOf(entry: Entry | undefined): string {
  if (entry === undefined) return "none";
  const marks = "marks" in entry && entry.marks.length > 0 ? `, then ${entry.marks.join(", ")}` : "";
  return `${sentenceOf(entry)}${marks}`;
}

export function createMoment(store: Store): HTMLElement {
  const element = h("section", {
    class: "card moment",
    "aria-label": "The chosen moment",
    "aria-live": "polite",
  });
  store.onChange(({ recording, chosen }: Shown) => {
    const entry = recording.entries[chosen];
    if (entry === undefined) return;
    const sent = "sent" in entry && entry.kind === "message" ? recording.entries[entry.sent] : undefined;
    fill(
      element,
      h("h2", {}, `Moment ${momentText(recording, chosen)}`),
      h("p", {}, sentenceOf(entry)),
      sent === undefined
        ? null
        : h("p", { class: "quiet" }, `Sent at ${printClock(sent.time)}, when ${sentenceOf(sent)}`),
      "marks" in entry ? list("Makes known", entry.marks) : null,
      "effects" in entry ? list("Then", entry.effects) : null,
      chosen === recording.failing ? h("p", { class: "failing-note" }, "This is the failing event.") : null,
    );
  });
  return element;
}

function list(title: string, lines: readonly string[]): HTMLElement | null {
  if (lines.length === 0) return null;
  const more = lines.length - SHOWN_MAX;
  const shown = more > 0 ? [...lines.slice(0, SHOWN_MAX), `and ${more} more`] : lines;
  return h("p", {}, h("span", { class: "quiet" }, `${title}: `), shown.join("; "));
}
