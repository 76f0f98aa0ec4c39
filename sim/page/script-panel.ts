/** The script, to be changed and run again here, and the digests that tell whether two runs were the same. */
import type { Heard } from "../view/embedded.ts";
import { button } from "./timeline.ts";
import { fill, h } from "./dom.ts";
import type { Runner } from "./running.ts";
import { isKnown, type Shown, type Store } from "./store.ts";
import type { States } from "../view/record.ts";

export function createScript(store: Store, runner: Runner): HTMLElement {
  const { embedded } = store.get();
  const text = h("textarea", { id: "script", spellcheck: "false", rows: 14, autocapitalize: "off" });
  text.value = embedded.recording.script;
  const status = h("p", { id: "status", role: "status" });
  const go = button("Run it here", () => start(text.value, statesFor(store.get())));
  const back = button("Back to the first script", () => {
    text.value = embedded.recording.script;
    store.show(embedded.recording, false);
    verify();
  });
  const digests = h("dl", { class: "digests" });
  const element = h(
    "div",
    { class: "panel" },
    h(
      "label",
      { for: "script" },
      "Script: change a line, then run it. The kernel and the simulator are in this page.",
    ),
    text,
    h("div", { class: "tools" }, go, back),
    status,
    digests,
  );
  store.onChange(draw);
  store.onChange(complete);
  verify();
  return element;

  /** The first script once more, in this browser: the digest must be the one of Node. A long one only when asked for. */
  function verify(): void {
    if (embedded.recording.whole) start(embedded.recording.script, "all");
  }

  function start(script: string, states: States): void {
    store.set({ running: { kind: "running", steps: 0 } });
    runner.run({ script, states }, hear);
  }

  /** Of a long run only what the host that is looked at knows is computed. */
  function statesFor({ recording, host }: Shown): States {
    return recording.whole ? "all" : [host];
  }

  /** What is looked at and not known yet. */
  function complete(shown: Shown): void {
    const { recording, tab, host, running } = shown;
    if (running.kind !== "idle" || (tab !== "state" && tab !== "disk") || isKnown(recording, host)) return;
    start(recording.script, statesFor(shown));
  }

  function hear(heard: Heard): void {
    switch (heard.kind) {
      case "progress": {
        const { running } = store.get();
        if (running.kind === "running") store.set({ running: { ...running, steps: heard.steps } });
        return;
      }
      case "done":
        return store.show(heard.recording, true);
      case "refused":
        return store.set({
          running: { kind: "trouble", what: `Line ${heard.line} of the script: ${heard.what}` },
        });
      default:
        return store.set({ running: { kind: "trouble", what: `The simulator failed: ${heard.error}` } });
    }
  }

  function draw(shown: Shown): void {
    const { running, recording, ranHere } = shown;
    go.disabled = running.kind === "running";
    status.className = running.kind === "trouble" ? "trouble" : "quiet";
    status.textContent = statusText(shown);
    const first = recording.script === embedded.recording.script;
    const here = ranHere ? recording.digest : "not run here yet";
    fill(
      digests,
      h("dt", {}, "Digest here"),
      h("dd", { id: "digest-here" }, here),
      h("dt", {}, "Digest on Node"),
      h("dd", { id: "digest-node" }, first ? embedded.digest : "of the first script only"),
      h("dt", {}, "Equal"),
      h("dd", { id: "digest-equal" }, equalText(shown)),
    );
  }

  function statusText({ running, ranHere }: Shown): string {
    switch (running.kind) {
      case "running":
        return `Running: ${running.steps} events`;
      case "trouble":
        return running.what;
      default:
        return ranHere ? "Computed in this browser." : "Computed on Node.";
    }
  }
}

/** Is what was computed here what Node computed? */
function equalText({ recording, ranHere, embedded: { recording: first, digest, mutant } }: Shown): string {
  if (!ranHere) return "not run here yet";
  if (recording.script === first.script)
    return recording.digest === digest ? "yes, the same run" : "NO: the runs differ";
  const planted = mutant === null ? "" : ` --mutant ${mutant.name}`;
  return `another script: compare with the digest of npm run sim -- run FILE${planted}`;
}
