/** What an operator decides about a node, already checked; and the node's own bounds, each with its unit and reason. */
import type { Digest, MachineId } from "./ids.ts";
import type { PublicKey } from "./signature/public-key.ts";
import type { RootName } from "./storage/call.ts";
import { digestOfSettings } from "./wire/state-file.ts";

export { type PublicKey, parsePublicKey } from "./signature/public-key.ts";
export { FRAME_BYTES_MAX } from "./wire/limits.ts";

/** Who may sign: keys for every directory, and named ones that a directory's `upload-keys` refer to. */
export type KeyRing = {
  readonly master: readonly PublicKey[];
  readonly named: ReadonlyMap<string, readonly PublicKey[]>;
  /** Of those, keys that count until a date. */
  readonly ending: readonly EndingKey[];
};

/** What it signed up to its date goes on to be verified, so that a new server gets old images. */
export type EndingKey = {
  readonly key: PublicKey;
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Of the directories whose `upload-keys` have it; null: of all. */
  readonly name: string | null;
  /** Clients may use it until then. False: retired, so that it counts for what other servers have. */
  readonly uploads: boolean;
};

export type DirectoryConfig = {
  /** First component of its virtual paths. */
  readonly key: string;
  /** Where its images live. */
  readonly root: RootName;
  readonly appendOnly: boolean;
  /** Components after the key, 1 to 16. */
  readonly numLevels: number;
  readonly uploadKeys: readonly string[];
  readonly autoClean: boolean;
  readonly keepListFile: string | null;
  readonly keepMin: number;
  readonly keepMax: number;
  readonly keepRecentMs: number;
  /** Sent with listings for 0.6.12, which never looks at it. */
  readonly configHash: Digest;
};

/** A directory as its file says it, with the hash that follows from it. */
export function directoryConfig(settings: Omit<DirectoryConfig, "configHash">): DirectoryConfig {
  const { numLevels, autoClean, keepMin, keepMax, keepRecentMs } = settings;
  const configHash = digestOfSettings({
    numLevels,
    autoClean,
    keepMinDirectories: keepMin,
    keepMaxDirectories: keepMax,
    keepRecentMs,
  });
  return { ...settings, configHash };
}

export type Config = {
  readonly machine: MachineId;
  readonly hostname: string;
  /** TCP and UDP, also the port assumed for a peer that is listed without one. */
  readonly port: number;
  /** Sorted by key, each key once. */
  readonly directories: readonly DirectoryConfig[];
  /** Listen to datagrams from addresses that no peer list has, as 0.6.12 does. */
  readonly acceptUnlisted: boolean;
  readonly limits: Limits;
};

export type Limits = { readonly [Name in keyof typeof DEFAULT_LIMITS]: number };

export const DEFAULT_LIMITS = {
  gossipIntervalMs: 1_000, // 0.6.12's round
  gossipFanout: 4, // random peers a round: 4 packets/s at any cluster size
  packetBytesMax: 1_400, // one Ethernet frame, with IPv6 and tunnels in front
  peersMax: 10_000, // the design target
  configListMax: 1_000, // directories that a peer may claim to have
  recordPathsMax: 1_000, // downloads, watches, deletions that are remembered of one peer
  recordExpiryMs: 60_000, // what a silent peer said is forgotten
  identityAskMs: 10_000, // a known address speaks under another machine id: who is there is asked no sooner again
  identityAsksMax: 8, // of such questions that wait for their answers
  configSyncIntervalMs: 1_000, // answers to one peer whose idea of our configuration is wrong
  containedMs: 300_000, // a digest that we have covered is not asked for again
  listingIntervalMs: 600_000, // slow check of each configured peer when all is quiet
  silenceMs: 10_000, // hearing nobody for this long, we ask
  downloadsInflightMax: 20, // 0.6.12's bound for reconciliation
  downloadsPerBaseMax: 3, // the same, for one base directory
  blocksInflightMax: 64, // 2 MiB on the way for one image
  blocksPerSourceMax: 64, // of them of one holder, when it is quick
  blocksTogether: 16, // asked for at once when so many are free: fewer and larger reads and writes of sockets
  sourcesMax: 16, // holders in use at once for one image
  requestMs: 10_000, // then another holder is asked
  indexFetchMs: 90_000, // 0.6.12's patience
  retryMs: 1_000, // back-off base for a holder, times its failures
  retryMsMax: 30_000,
  dialsPerSecond: 10, // connection attempts
  futureSkewMs: 300_000, // an upload signed further ahead is refused
  indexCollectMs: 86_400_000, // indexes that no image needs any more: 0.6.12's day
  scrubAfterMs: 3_600_000, // from the start to the first reading of all images, and to the next look at a suspect
  scrubEveryMs: 604_800_000, // a week between the beginnings of two readings of all images; longer where one takes longer
  scrubBlocks: 256, // of one image, read in a round: at most 8 MiB a second, some hundredths of a processor
  oldTreeGraceMs: 2_000, // a displaced tree stays readable for descriptors already open
  abandonMs: 120_000, // no block and nobody to ask: given up, as 0.6.12 does
  pendingUploadsMax: 256, // verifications and intents on the way
  watchesPerConnMax: 256, // paths that one connection may watch
  requestsPerConnMax: 256, // answers that one connection may wait for
  indexCacheBytesMax: 64 * 1024 * 1024, // parsed indexes held for serving
} as const;
