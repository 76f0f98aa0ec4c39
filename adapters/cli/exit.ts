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

/** Of the commands that 0.6.12 has not: sysexits(3), and 2 for what differs. */
export const SYSEXIT = {
  ok: 0,
  different: 2,
  usage: 64,
  /** What was sent is not what it says to be, or not signed. */
  data: 65,
  /** There is no such image, file or local directory. */
  noInput: 66,
  unreachable: 69,
  bug: 70,
  local: 74,
  again: 75,
  refused: 77,
  config: 78,
} as const;

export const SYSEXIT_OF: Readonly<Record<Trouble, number>> = {
  source: SYSEXIT.noInput,
  destination: SYSEXIT.usage,
  usage: SYSEXIT.usage,
  host: SYSEXIT.usage,
  keys: SYSEXIT.config,
  remote: SYSEXIT.unreachable,
  bug: SYSEXIT.bug,
};

export const EXIT_OF: Readonly<Record<Trouble, number>> = {
  source: EXIT.destination,
  destination: EXIT.destination,
  usage: EXIT.usage,
  host: EXIT.usage,
  keys: EXIT.usage,
  remote: EXIT.upload,
  bug: EXIT.bug,
};
