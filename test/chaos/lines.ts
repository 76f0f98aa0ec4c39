/** The lines between the servers of a chaos run, each in a network namespace of its own. Needs root and `ip`. */
import { execFileSync } from "node:child_process";
import { namespacePlace, type Place } from "../interop/place.ts";
import { type From, type Line, SERVERS, type ServerNumber } from "./plan.ts";

const ROW = 1;
/** Those who attack: at an address that all servers list and where no server is, and at one that nobody lists. */
export const HOSTILE: Readonly<Record<From, number>> = {
  peer: SERVERS.length + 1,
  stranger: SERVERS.length + 2,
};
/** Nobody on the bridge has it: what is sent there is lost, as on a line, and the sender hears nothing of it. */
const NOWHERE = "02:00:00:00:00:99";

export class Lines {
  readonly #place: Place = namespacePlace(ROW, HOSTILE.stranger);
  /** A line may be cut for several reasons: it is whole again when the last of them has gone. */
  readonly #cuts = new Map<string, number>();

  get port(): number {
    return this.#place.port;
  }

  addressOf(node: number): string {
    return this.#place.addressOf(node);
  }

  /** A command in the namespace of a node, which keeps no mount alive, as `ip netns exec` would. */
  under(node: number): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.#nameOf(node)}`];
  }

  /** What the first sends to the second is lost from now on. */
  cut(line: Line): void {
    const count = (this.#cuts.get(String(line)) ?? 0) + 1;
    this.#cuts.set(String(line), count);
    if (count === 1) this.#neighbour(line, "replace", ["lladdr", NOWHERE, "nud", "permanent"]);
  }

  mend(line: Line): void {
    const count = (this.#cuts.get(String(line)) ?? 0) - 1;
    this.#cuts.set(String(line), count);
    if (count === 0) this.#neighbour(line, "del", []);
  }

  setLink(server: ServerNumber, to: "up" | "down"): void {
    execFileSync("ip", ["link", "set", `v${ROW}x${server}`, to]);
  }

  close(): void {
    this.#place.close();
  }

  #neighbour([from, to]: Line, what: string, how: readonly string[]): void {
    const words = ["-n", this.#nameOf(from), "neigh", what, this.addressOf(to), ...how, "dev", "eth0"];
    execFileSync("ip", words, { stdio: "pipe" });
  }

  #nameOf(node: number): string {
    const name = this.#place.under(node)[3];
    if (name === undefined) throw new Error(`node ${node} has no namespace`);
    return name;
  }
}
