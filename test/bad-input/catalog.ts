/**
 * The catalogue of bad inputs: which entries there are, and where each is tried. An entry is tried here when a row or a
 * title in `test/bad-input/` begins with its id.
 */
export const SECTIONS: Readonly<Record<string, readonly [name: string, entries: number]>> = {
  BI: ["index files", 30],
  BC: ["CBOR on the WebSocket", 28],
  BG: ["datagrams", 17],
  BH: ["HTTP and upgrades", 12],
  BY: ["directory files in YAML", 15],
  BK: ["keys", 11],
  BL: ["command line", 9],
  BP: ["peers.txt", 7],
  BS: ["state files on the own disk", 14],
  BF: ["trees, hard links, mounts", 14],
  BE: ["environment", 6],
};

const DIRECTORY = "test/adapters/config-directory.test.ts";
const FOLDER = "test/adapters/config-folder.test.ts";
const OPTIONS = "test/adapters/config-options.test.ts";
const VALUES = "test/adapters/config-values.test.ts";
const PUBLIC = "test/adapters/keys-public.test.ts";
const PRIVATE = "test/adapters/keys-private.test.ts";
const WORDS = "test/cli/command-line.test.ts";
const CLIENT = "test/cli/client.test.ts";
const PROGRAM = "test/e2e/program.test.ts";
const SOCKETS = "test/adapters/sockets.test.ts";
const NAMES = "test/storage/names.test.ts";
const SYSTEM_NAMES = "test/system/names/names.system.ts";

/** Tried by tests that were there: a text that stands in the file. */

const ENVIRONMENT = "test/system/environment.system.ts";
export const ELSEWHERE: readonly (readonly [id: string, file: string, text: string])[] = [
  [
    "BC17",
    "test/kernel/signature-verify.test.ts",
    "a signature of another length, or with S + L, is false and no throw",
  ],
  [
    "BC26",
    "test/kernel/disk-problems.test.ts",
    "a block that is not the one of its hash is no problem of this disk",
  ],
  ["BC28", SOCKETS, "a reader that never reads is dropped, with what was queued for it"],
  [
    "BH1",
    "test/adapters/http-server.test.ts",
    "headers that do not end within five seconds end the connection",
  ],
  ["BH5", SOCKETS, "an origin without the slash"],
  ["BY1", DIRECTORY, "two documents"],
  ["BY2", DIRECTORY, "a required option left out"],
  ["BY3", DIRECTORY, "half a level"],
  ["BY4", DIRECTORY, "1 for a boolean"],
  ["BY5", VALUES, "2 days 10 parsecs"],
  ["BY6", DIRECTORY, "min above max"],
  ["BY7", FOLDER, "a directory in another one is told, whichever is read first; a longer name is none"],
  ["BY8", DIRECTORY, "a wrong letter"],
  ["BY9", DIRECTORY, "names that leave the folder"],
  ["BY10", DIRECTORY, "an option twice"],
  ["BY11", DIRECTORY, "an alias bomb is a few problems, at once"],
  ["BY12", DIRECTORY, "bytes that are not UTF-8 are named with their line; a BOM is not in the way"],
  ["BY13", FOLDER, "all problems of all files come at once"],
  ["BY14", "test/e2e/cleanup.test.ts", "keep list of old"],
  ["BY15", "test/storage/no-exchange.test.ts", "exchange"],
  ["BK1", PUBLIC, "other types: RSA is taken and never matches, the rest are problems"],
  ["BK2", PUBLIC, "the line %j is a problem, and the next one counts"],
  ["BK3", PUBLIC, "comments, blanks, CRLF, a BOM, odd comment bytes, options and repeats"],
  ["BK4", PUBLIC, "comments, blanks, CRLF, a BOM, odd comment bytes, options and repeats"],
  ["BK5", PUBLIC, "an unsafe key (small order)"],
  ["BK7", PUBLIC, "a private key is refused with a warning about disclosure"],
  ["BK8", PRIVATE, "%s: exact advice"],
  ["BK9", FOLDER, "all problems of all files come at once"],
  ["BK9", PRIVATE, "a directory and a pipe are refused at once"],
  ["BL1", WORDS, "no destination"],
  ["BL3", WORDS, "--early-fraction"],
  ["BL4", WORDS, "two uploads"],
  ["BL5", WORDS, "no image id"],
  ["BL6", CLIENT, "nobody there ends soon, and says whom it could not reach"],
  ["BL7", "test/cli/text.test.ts", "no text makes a terminal do anything, whatever it holds"],
  ["BL8", CLIENT, "a reader that leaves is no crash, and the upload goes on"],
  ["BL9", PROGRAM, "a port and a database that are in use: a status each, and the first server stays"],
  ["BP1", VALUES, "peers: names, IPv4, IPv6 and ports, between comments, blanks and CRLF"],
  ["BP2", VALUES, "peers: the line %j is skipped with a warning, and the next one counts"],
  [
    "BP3",
    "test/kernel/bounds.test.ts",
    "a peer is not taken for ourselves for long because somebody says so from its address",
  ],
  [
    "BP5",
    "test/adapters/watches.test.ts",
    "a name that fails is asked again sooner than a minute, and keeps what it was while it fails",
  ],
  ["BP7", "test/e2e/peers.test.ts", "a peer list that cannot be read any more goes on as it was"],
  [
    "BP7",
    PROGRAM,
    "a key that is added or taken away counts at once, and a file with a mistake changes nothing",
  ],
  [
    "BF5",
    "test/storage/upload.test.ts",
    "a second image takes whole files by link and changed files block by block",
  ],
  ["BI19", NAMES, "two forms of a letter"],
  ["BI19", NAMES, "BI19 BF10 %s: refused before there is a stage, and nothing is left at the destination"],
  ["BF10", NAMES, "BI19 BF10 %s: refused before there is a stage, and nothing is left at the destination"],
  ["BF10", NAMES, "BF10 an image whose own name leaves no room there is refused, and given up"],
  ["BF10", "test/kernel/unfit.test.ts", "%s %s: told with what to do, given up before a block is asked for"],
  [
    "BI19",
    "test/kernel/cluster.test.ts",
    "BI19 BF10 what one disk cannot hold under its names is refused there",
  ],
  ["BI19", SYSTEM_NAMES, "BI19 BF10 two names that are one to a file system: refused there and told"],
  ["BF10", SYSTEM_NAMES, "BF10 a name that is too long for a file system: refused there and told"],
  ["BF11", "test/storage/power-cut.test.ts", "cut before every call"],
  ["BF11", "test/sim/scripts/disk-refuses-once.sim", "disk"],
  ["BE1", OPTIONS, "the machine id file %j ends the start, unless it is overridden"],
  [
    "BE3",
    "test/adapters/log.test.ts",
    "what a stranger chose neither breaks the line, nor moves the cursor, nor grows",
  ],
  ["BE4", "test/adapters/ports.test.ts", "a name that leads to this machine itself leads nowhere"],
  [
    "BE4",
    "test/adapters/ports.test.ts",
    "addresses pass with the port appended, and the hosts file comes before any name server",
  ],
  ["BS13", ENVIRONMENT, "images on a file system that turns read-only: told"],
  ["BF7", ENVIRONMENT, "an image folder that is not mounted: told"],
  ["BF12", ENVIRONMENT, "a file system without inodes: told"],
  ["BF13", ENVIRONMENT, "images on a file system that turns read-only: told"],
  ["BE5", ENVIRONMENT, "64 descriptors, and a hundred connections that say nothing"],
  ["BE5", ENVIRONMENT, "without /proc, and without an exchange of names, a start says what it needs"],
  ["BE6", ENVIRONMENT, "a server that is stopped for longer than its peers wait catches up"],
  ["BG16", "test/hostile/datagrams.system.ts", "T23: a flood is dropped, and an upload goes on"],
  ["BL7", "test/cli/uploader-answers.test.ts", "BL7 who was entered by"],
  [
    "BF1",
    "test/e2e/scrub.test.ts",
    "a bit of a file that two images share is told of both, and mended in both",
  ],
  ["BF2", "test/storage/scrub.test.ts", "is not in the index"],
  ["BF9", ENVIRONMENT, "a tree with more levels than there are descriptors is told"],
  ["BS8", "test/storage/remove.test.ts", "a state that 0.6.12 has brought back below the floor stays"],
  ["BS12", ENVIRONMENT, "a server that is restored from a backup has what came after it again"],
  ["BL2", ENVIRONMENT, "a folder of a source that its user may not read is named"],
  ["BF4", "test/system/paths/races.system.ts", "a million swaps of a parent for a link"],
  ["BF5", ENVIRONMENT, "a file of another owner, and one that cannot be changed"],
  ["BE2", "test/system/chaos/chaos.system.ts", "two minutes of faults: nothing is lost"],
];

/** Taken out of the catalogue, because 0.6.12 accepts what it refuses: what we do instead is tried all the same. */
export const STRUCK: Readonly<Record<string, string>> = {
  BC10: "timestamp_too_old: a signature of any age is taken, since who joins late gets what was signed long ago",
  BI5: "further keys of the header are accepted, and counted in the digest of no body",
  BY3: "numbers are those of 0.6.12: 1_0 is ten, and quotes change nothing; 0 and more than 16 levels are refused",
  BY7: "directories that overlap, or are not there, are warnings",
  BK3: "options before a key are skipped and not obeyed",
  BK10: "without a key the client warns and goes on: the servers refuse",
  BP2: "HOST:PORT and IPv6 are additions of ours",
};

export const ALL_IDS: readonly string[] = Object.entries(SECTIONS).flatMap(([section, [, entries]]) =>
  Array.from({ length: entries }, (_, at) => `${section}${at + 1}`),
);
