/** Does to servers and lines what a plan says, and undoes it. */
import type { ChildProcess } from "node:child_process";
import { unreachable } from "../../kernel/assert.ts";
import type { Judge } from "./judge.ts";
import type { Lines } from "./lines.ts";
import type { Fault, From, ServerFault } from "./plan.ts";
import type { ChaosServer } from "./server.ts";

export type Field = {
  readonly servers: readonly ChaosServer[];
  readonly lines: Lines;
  readonly judge: Judge;
  readonly hostile: Readonly<Record<From, ChildProcess>>;
};

type FaultOf<Kind> = Extract<Fault, { readonly kind: Kind }>;

/** Begins a fault; what is returned ends it. */
export async function begin(field: Field, fault: Fault): Promise<() => void | Promise<void>> {
  const { lines, hostile } = field;
  switch (fault.kind) {
    case "one_way":
    case "cut":
    case "partition":
      for (const line of fault.lines) lines.cut(line);
      return () => {
        for (const line of fault.lines) lines.mend(line);
      };
    case "hostile":
      hostile[fault.from].stdin?.write(`${fault.attack} ${lines.addressOf(fault.server)} ${fault.forMs}\n`);
      return () => undefined;
    default:
      return beginAt(field, serverOf(field, fault.server), fault);
  }
}

async function beginAt(
  { lines, judge }: Field,
  server: ChaosServer,
  { kind, sizeMs, journal }: FaultOf<ServerFault>,
): Promise<() => void | Promise<void>> {
  switch (kind) {
    case "kill":
      await server.stop("SIGKILL");
      return () => server.start();
    case "restart":
      await server.stop("SIGTERM");
      return () => server.start();
    case "power_cut":
      judge.powerCut(server.number);
      await server.cutPower(journal);
      return () => server.start();
    case "pause":
      server.pause();
      return () => server.goOn();
    case "disk_full":
      server.fill();
      return () => server.makeRoom();
    case "clock_back":
    case "clock_forward":
      server.setClock(kind === "clock_back" ? -sizeMs : sizeMs);
      return () => server.setClock(0);
    case "link_down":
      lines.setLink(server.number, "down");
      return () => lines.setLink(server.number, "up");
    default:
      return unreachable(kind);
  }
}

function serverOf({ servers }: Field, number: number): ChaosServer {
  const found = servers.find((each) => each.number === number);
  if (found === undefined) throw new Error(`there is no server ${number}`);
  return found;
}
