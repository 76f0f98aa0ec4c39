/** A run as plain data, for views: what happened, what everybody knew and had, and why it failed. */
import type { Mishap } from "../network.ts";
import type { Failure } from "../run.ts";

export type Fate = Mishap["kind"];

type Common = {
  /** Virtual microseconds. */
  readonly time: number;
  /** Where it happened; null for what is of no host in particular. */
  readonly host: string | null;
};

/** What happened, in order. Others name an entry by its place in the list. */
export type Entry = Common &
  (
    | { readonly kind: "fault"; readonly text: string }
    | ({
        /** A message was heard at `host`. */
        readonly kind: "message";
        /** Null when nobody can tell. */
        readonly from: string | null;
        /** The entry that sent it; -1 when that is not known. */
        readonly sent: number;
        /** What a fault did to it; null when it arrived as it was sent. */
        readonly fate: Fate | null;
      } & Said &
        Done)
    /** Something that is no message: an alarm, an answer of the disk. */
    | ({ readonly kind: "local"; readonly word: string } & Done)
    /** A message from `host` met a fault. */
    | ({
        readonly kind: "mishap";
        readonly to: string;
        readonly sent: number;
        readonly fate: Fate;
      } & Said)
    /** The verdict: always the last one. */
    | { readonly kind: "end"; readonly text: string }
  );

type Said = {
  readonly what: "datagram" | "frame";
  /** `GetBlock`, or `GetBlock answer`. */
  readonly word: string;
  readonly bytes: number;
};
type Done = {
  /** What the host made known by it. */
  readonly marks: readonly string[];
  /** Everything else that it wanted done, in short. */
  readonly effects: readonly string[];
};

/** At an entry a key got a value, or went. */
export type Change = readonly [entry: number, key: string, value: string | null];
/** By host, each list in the order of the entries. */
export type Changes = Readonly<Record<string, readonly Change[]>>;

/** A block came somewhere. */
export type BlockFlow = {
  readonly entry: number;
  readonly from: string;
  readonly to: string;
  /** As `/site/current #7`; several when they share it; null for bytes that no upload of the script has. */
  readonly image: string | null;
  /** The file, and the number of the block in it. */
  readonly block: string | null;
  readonly bytes: number;
};

export type StoryLine = {
  readonly entry: number;
  readonly time: number;
  /** It tells of a message that a fault met. */
  readonly hit: boolean;
  readonly text: string;
};

export type Recording = {
  readonly script: string;
  readonly digest: string;
  /** Events of machines. */
  readonly steps: number;
  readonly time: number;
  /** In the order in which they came. */
  readonly hosts: readonly string[];
  readonly entries: readonly Entry[];
  readonly failure: Failure | null;
  /** By its name, the promise that was broken and how; or that none was. */
  readonly verdict: string;
  /** The broken promise in words, as "what is visible at a path is one uploaded image"; null when none was. */
  readonly promise: string | null;
  /** The last thing that happened at the host that broke it; null when nobody did. */
  readonly failing: number | null;
  readonly story: readonly StoryLine[];
  /** Entries that led to the failure, in order. */
  readonly past: readonly number[];
  readonly blocks: readonly BlockFlow[];
  /** What the processes knew, and what the disks held. */
  readonly states: Changes;
  readonly disks: Changes;
  /** False: of other hosts than those that are in `states` nothing was written down. */
  readonly whole: boolean;
};
