/**
 * The loop between a machine and its ports, the same in production and in the simulator: one event, all its effects
 * in order, the alarm, the next event. `step` is never re-entered: an event that arrives while effects are performed
 * waits for its turn.
 */
import type { Effect } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import { assert, unreachable } from "../kernel/assert.ts";
import type { Machine, Ports } from "./port.ts";

export type Driver = { feed(event: Event): void };

export function createDriver(machine: Machine, ports: Ports): Driver {
  const waiting: Event[] = [];
  let busy = false;

  function feed(event: Event): void {
    waiting.push(event);
    if (busy) return;
    busy = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        for (const effect of machine.step(next, ports.clock.now())) perform(effect);
      }
    } finally {
      busy = false;
    }
    ports.clock.setAlarm(machine.wakeAt(), wake);
  }

  function wake(): void {
    feed({ kind: "wake" });
  }

  function perform(effect: Effect): void {
    switch (effect.kind) {
      case "send_datagram":
        return ports.datagrams.send(effect.to, effect.bytes);
      case "dial":
        return ports.links.dial(effect.conn, effect.address);
      case "send_frame":
        return ports.links.send(
          effect.conn,
          effect.bytes,
          effect.told ? () => feed({ kind: "sent", conn: effect.conn }) : undefined,
        );
      case "close":
        return ports.links.close(effect.conn);
      case "disk":
        return ports.storage.run(effect.request, (result) =>
          feed({ kind: "disk_done", op: effect.op, result }),
        );
      case "verify":
        return ports.verifier.verify(effect.checks, (holds) =>
          feed({ kind: "verified", op: effect.op, holds }),
        );
      case "digest":
        return ports.digester.digest(effect.bytes, (digest) =>
          feed({ kind: "digested", op: effect.op, digest }),
        );
      case "resolve":
        return ports.names.resolve(effect.name, (addresses) =>
          feed({ kind: "resolved", op: effect.op, addresses }),
        );
      case "http_get":
        return ports.pages.get(effect.address, effect.path, (body) =>
          feed({ kind: "http_got", op: effect.op, body }),
        );
      case "sign":
        assert(ports.signer !== undefined, "only an uploader signs");
        return ports.signer.sign(effect.payloads, (signatures) =>
          feed({ kind: "signed", op: effect.op, timestamp: effect.timestamp, signatures }),
        );
      case "report":
        assert(ports.reporter !== undefined, "only an uploader reports");
        return ports.reporter.report(effect.report);
      case "trace":
        return ports.tracer.trace(effect.mark, effect.fields);
      case "ready":
        return ports.ready?.();
      case "failed":
        return ports.failed?.(effect.code, effect.detail);
      case "stopped":
        return ports.stopped();
      default:
        return unreachable(effect);
    }
  }

  return { feed };
}
