/** Exit codes of the client, those of 0.6.12: a script may rely on them. */
export const EXIT = {
  ok: 0,
  /** The source cannot be read, or the destination can be none. */
  destination: 1,
  /** Keys, names of hosts, options. */
  usage: 2,
  /** Something was refused, given up, or not finished in time; also when other uploads succeeded. */
  upload: 3,
  /** A bug of ours. */
  bug: 101,
  interrupted: 130,
  terminated: 143,
} as const;

/** Why nothing was begun, or why it ended in the middle. */
export type Trouble = "source" | "destination" | "usage" | "host" | "keys" | "remote" | "bug";

export const EXIT_OF: Readonly<Record<Trouble, number>> = {
  source: EXIT.destination,
  destination: EXIT.destination,
  usage: EXIT.usage,
  host: EXIT.usage,
  keys: EXIT.usage,
  remote: EXIT.upload,
  bug: EXIT.bug,
};
