/** Commands as their users write them: words, quotes around spaces, and places in braces that are filled for each run. */
import type { Role } from "./role.ts";

export type Template = {
  readonly words: readonly string[];
  /** Given by an option: features that 0.6.12 has not are not expected of it. */
  readonly foreign: boolean;
};
export type Commands = Readonly<Record<Role, Template>>;

const SERVER_PLACES = ["config", "db", "dir", "ip", "port", "machine_id", "hostname"];
const CLIENT_PLACES = ["port", "args", "hosts", "key", "dir"];

/** A sentence when the text is no command. */
export function parseTemplate(role: Role, text: string, foreign = true): Template | string {
  const words = wordsOf(text);
  if (words === null) return `a quote is not closed in ${text}`;
  if (words.length === 0) return "the command is empty";
  const places = role === "client" ? CLIENT_PLACES : SERVER_PLACES;
  for (const [, place = ""] of text.matchAll(/\{(\w*)\}/g))
    if (!places.includes(place))
      return `{${place}} means nothing here; there are ${places.map((each) => `{${each}}`).join(" ")}`;
  if (role !== "client")
    for (const place of ["config", "db", "ip", "port", "machine_id"])
      if (!text.includes(`{${place}}`))
        return `{${place}} is missing: every server of a cluster needs its own`;
  return { words, foreign };
}

const WORD = /(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/g;
const PIECE = /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\]+)/g;

/** As a shell splits them, without anything that a shell would expand; null when a quote is not closed. */
function wordsOf(text: string): readonly string[] | null {
  if (text.replace(WORD, "").trim() !== "") return null;
  return Array.from(text.matchAll(WORD), ([word]) =>
    Array.from(
      word.matchAll(PIECE),
      ([, double, single, one, bare]) => double?.replace(/\\(.)/g, "$1") ?? single ?? one ?? bare ?? "",
    ).join(""),
  );
}

/** A word that is only a place becomes as many words as there are values. */
export function fill(
  words: readonly string[],
  values: Readonly<Record<string, string | readonly string[]>>,
): string[] {
  return words.flatMap((word) => {
    const only = /^\{(\w+)\}$/.exec(word)?.[1];
    const many = only === undefined ? undefined : values[only];
    if (many !== undefined && typeof many !== "string") return many;
    return [
      word.replace(/\{(\w+)\}/g, (whole, place: string) => {
        const value = values[place];
        return value === undefined ? whole : typeof value === "string" ? value : value.join(" ");
      }),
    ];
  });
}

/** What the client is asked: the places that its template leaves out go to the end. */
export type ClientWords = {
  /** `sync` and the like, first. */
  readonly command: string;
  readonly options: readonly string[];
  readonly hosts: readonly string[];
  /** File of the private key; null: the options, or the environment, name one. */
  readonly key: string | null;
  readonly port: number;
  readonly dir: string;
};

export function clientCommand({ words }: Template, asked: ClientWords): string[] {
  const text = words.join(" ");
  const identity = asked.key === null || text.includes("{key}") ? [] : ["-i", asked.key];
  const args = [asked.command, ...identity, ...asked.options];
  return fill(
    [
      ...words,
      ...(text.includes("{args}") ? [] : ["{args}"]),
      ...(text.includes("{hosts}") ? [] : ["{hosts}"]),
    ],
    { args, hosts: asked.hosts, key: asked.key ?? "", port: String(asked.port), dir: asked.dir },
  );
}
