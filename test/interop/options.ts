/** The command line of `npm run interop`. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ROLES, type Role } from "./role.ts";
import { type Commands, parseTemplate, type Template } from "./template.ts";

export type Options = {
  readonly commands: Commands;
  /** Names of rows, or beginnings of names with `*`; empty: all. */
  readonly only: readonly string[];
  readonly list: boolean;
  readonly plant: boolean;
  readonly json: boolean;
  readonly netns: boolean;
  readonly jobs: number;
};
export type Parsed =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly what: string };

const DIST = fileURLToPath(new URL("../../dist/adapters/", import.meta.url));
const node = `"${process.execPath}" "${DIST}`;
const SERVER_OPTIONS =
  "-c {config} --db-dir {db} --host {ip} --port {port} --override-machine-id {machine_id} --override-hostname {hostname}";
const OURS: Readonly<Record<Role, string>> = {
  server: `${node}daemon/main.js" ${SERVER_OPTIONS}`,
  "other-server": `${node}daemon/main.js" ${SERVER_OPTIONS}`,
  client: `${node}cli/main.js" --port {port}`,
};
const JOBS_MAX = 16;

export const HELP = `npm run interop [-- OPTIONS]

Runs a table of rows against servers and a client by their commands alone. Ours, as built here, in every role that no
option gives to another.

  --server CMD         the first kind of server
  --other-server CMD   the second kind
  --client CMD         the client
  --ours ROLE          the command given for ROLE (server, other-server, client) has our features too; repeatable
  --only ROW           only this row, or the rows that begin so (page-*); repeatable
  --list               print the rows and what they need, run nothing
  --plant              break each row in turn, and fail when one stays green
  --json               one object a row on stdout, and one of type summary
  --netns              a network namespace a server, instead of addresses of the loopback network (root, ip)
  --jobs N             rows at a time, 2 by default

CMD is split into words as by a shell; quotes may stand around spaces, and nothing is expanded.
In it, a server has {config} {db} {dir} {ip} {port} {machine_id} {hostname}, and a client {port} {key} {args} {hosts} {dir}.
{args} is the client's command with its options, {hosts} its entry points: where the template leaves them out they go to
its end, and without {key} a file of a private key is given by -i. A 0.6.12 of the original runs with

  --server 'ciruela-server ${SERVER_OPTIONS}'
  --client 'ciruela --port {port}'

Exit status: 0 no row failed (skipped rows are counted, not judged); 1 a row failed, or stayed green under --plant; 64 a
wrong option.
`;

export function parseOptions(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        server: { type: "string" },
        "other-server": { type: "string" },
        client: { type: "string" },
        ours: { type: "string", multiple: true, default: [] },
        only: { type: "string", multiple: true, default: [] },
        list: { type: "boolean", default: false },
        plant: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        netns: { type: "boolean", default: false },
        jobs: { type: "string", default: "2" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const jobs = /^[0-9]{1,2}$/.test(values.jobs) ? Number(values.jobs) : 0;
    if (jobs < 1 || jobs > JOBS_MAX)
      return { kind: "wrong", what: `--jobs takes a number from 1 to ${JOBS_MAX}` };
    const strange = values.ours.find((name) => !ROLES.some((role) => role === name));
    if (strange !== undefined)
      return { kind: "wrong", what: `--ours ${strange}: there are ${ROLES.join(", ")}` };
    const commands: Partial<Record<Role, Template>> = {};
    for (const role of ROLES) {
      const given = values[role];
      const foreign = given !== undefined && !values.ours.includes(role);
      const template = parseTemplate(role, given ?? OURS[role], foreign);
      if (typeof template === "string") return { kind: "wrong", what: `--${role}: ${template}` };
      commands[role] = template;
    }
    const { only, list, plant, json, netns } = values;
    return { kind: "run", options: { commands: commands as Commands, only, list, plant, json, netns, jobs } };
  } catch (error) {
    return { kind: "wrong", what: error instanceof Error ? error.message : String(error) };
  }
}
