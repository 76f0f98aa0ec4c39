import { expect, test } from "vitest";
import { createDriver } from "../../adapters/driver.ts";
import type { Ports } from "../../adapters/port.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, Digest, MonoMs, Now, OpId } from "../../kernel/ids.ts";

const NOW: Now = { mono: 5 as MonoMs, wall: 7 as Now["wall"] };
const PEER = "127.0.0.2:24783" as Address;

/** Ports that note what they were asked, and answer a digest at once, inside the call. */
function notedPorts(notes: string[]): Ports {
  const note = (text: string) => () => void notes.push(text);
  return {
    clock: { now: () => NOW, setAlarm: (at) => void notes.push(`alarm ${at}`) },
    datagrams: { send: (to, bytes) => void notes.push(`datagram ${to} ${bytes.length}`) },
    links: { dial: note("dial"), send: note("frame"), close: note("close") },
    storage: { run: note("disk") },
    digester: {
      digest: (_, done) => {
        notes.push("digest");
        done("d" as Digest);
      },
    },
    verifier: { verify: note("verify") },
    names: { resolve: note("resolve") },
    pages: { get: note("page") },
    tracer: { trace: (mark) => void notes.push(`trace ${mark}`) },
    stopped: note("stopped"),
  };
}

test("effects are performed in order, and an answer inside one waits until all of them are done", () => {
  const notes: string[] = [];
  const answers = new Map<Event["kind"], readonly Effect[]>([
    [
      "wake",
      [
        { kind: "digest", op: 1 as OpId, bytes: new Uint8Array(1) },
        { kind: "send_datagram", to: PEER, bytes: new Uint8Array(3) },
        { kind: "trace", mark: "round", fields: {} },
      ],
    ],
    ["stop", [{ kind: "stopped" }]],
  ]);
  const driver = createDriver(
    {
      step: (event, now) => {
        notes.push(`step ${event.kind} at ${now.mono}`);
        return answers.get(event.kind) ?? [];
      },
      wakeAt: () => 99 as MonoMs,
    },
    notedPorts(notes),
  );
  driver.feed({ kind: "wake" });
  driver.feed({ kind: "stop" });
  expect(notes).toEqual([
    "step wake at 5",
    "digest",
    `datagram ${PEER} 3`,
    "trace round",
    "step digested at 5",
    "alarm 99",
    "step stop at 5",
    "stopped",
    "alarm 99",
  ]);
});

test("a machine that throws does not leave the driver deaf", () => {
  const notes: string[] = [];
  let first = true;
  const driver = createDriver(
    {
      step: () => {
        if (first) {
          first = false;
          throw new Error("invariant broken: planted");
        }
        notes.push("step");
        return [];
      },
      wakeAt: () => 1 as MonoMs,
    },
    notedPorts(notes),
  );
  expect(() => driver.feed({ kind: "wake" })).toThrow("planted");
  driver.feed({ kind: "wake" });
  expect(notes).toEqual(["step", "alarm 1"]);
});
