/** One row of the table: what runs, on whose commands, and the fault that must turn it red. */
import type { Role } from "./role.ts";
import type { Fault, Scene } from "./scene.ts";

/** What 0.6.12 has not: a row that needs it is skipped where the role's command is a foreign one. */
export type Need = { readonly role: Role; readonly feature: string };

/** A fault of this row: done at a point that its run passes; what the judge must say then. */
export type Plant = Fault & {
  readonly what: string;
  readonly says: RegExp;
};

export type Row = {
  /** Stable: scripts name it. */
  readonly id: string;
  readonly title: string;
  /** Its servers by number from 1: `s` runs the command of `--server`, `o` that of `--other-server`. */
  readonly cluster: string;
  readonly needs?: readonly Need[];
  readonly run: (scene: Scene) => Promise<void>;
  readonly plant: Plant;
};

/** Of every server in a cluster, both kinds. */
export function servers(feature: string): readonly Need[] {
  return [
    { role: "server", feature },
    { role: "other-server", feature },
  ];
}

export function client(feature: string): readonly Need[] {
  return [{ role: "client", feature }];
}
