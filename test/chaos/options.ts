/** The command line of `npm run chaos`. */
import { parseArgs } from "node:util";

export const PLANTS = ["content", "lost", "foreign", "rollback"] as const;
export type Plant = (typeof PLANTS)[number];
export type Options = {
  readonly minutes: number;
  readonly seed: number | null;
  readonly json: boolean;
  readonly plant: Plant | null;
};

const MINUTES = 15;
const MINUTES_MAX = 10_000;

export const HELP = `Usage: npm run chaos -- [options]

Five real servers in network namespaces, each on an ext4 of its own, and clients that upload without end. After a while
servers are killed, lose their power, stand still, are cut off, have full disks and wrong clocks; and a listed peer without
a key attacks them, and somebody whom nobody knows, each attack with a proof that it came. Each minute a program that shares nothing with the server looks at every disk. At the end all is
mended, and all servers must come to have the same, and the newest. Needs root and Debian's iproute2, util-linux,
e2fsprogs, mount and python3.

  --minutes N     how long, before all is mended (${MINUTES})
  --seed N        of the plan; printed, and another one each time
  --plant WHAT    does by hand, at a look in the middle, what must be found: ${PLANTS.join(", ")}
  --json          the summary as one JSON object
  --help          this

Status: 0 nothing is wrong, 1 something is, 64 wrong usage, 130 it was stopped, and has left nothing behind.
`;

export type Parsed =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly what: string }
  | { readonly kind: "run"; readonly options: Options };

export function parseOptions(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: String(MINUTES) },
        seed: { type: "string" },
        plant: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const minutes = wholeNumber(values.minutes);
    if (minutes === null || minutes < 1 || minutes > MINUTES_MAX)
      return { kind: "wrong", what: `--minutes is a whole number from 1 to ${MINUTES_MAX}` };
    const seed = values.seed === undefined ? null : wholeNumber(values.seed);
    if (values.seed !== undefined && seed === null)
      return { kind: "wrong", what: "--seed is a whole number" };
    const plant = PLANTS.find((each) => each === values.plant) ?? null;
    if (values.plant !== undefined && plant === null)
      return { kind: "wrong", what: `--plant is one of ${PLANTS.join(", ")}` };
    return { kind: "run", options: { minutes, seed, json: values.json, plant } };
  } catch (error) {
    return { kind: "wrong", what: error instanceof Error ? error.message : String(error) };
  }
}

function wholeNumber(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
