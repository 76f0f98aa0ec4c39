/** Every entry of the list of gaps of 0.6.12, by its number: what was wrong, and what keeps it from coming back here. */
import { type Entry, found, planted, struck, tested } from "./held.ts";

const FRAMES = "test/bad-input/frames.test.ts";
const GOSSIP = "test/bad-input/gossip.test.ts";
const CLIENT = "test/cli/client.test.ts";
const EDIT = "test/e2e/edit.test.ts";
const WORDS = "test/cli/command-line.test.ts";
const FOLDER = "test/adapters/config-folder.test.ts";
const PUBLIC = "test/adapters/keys-public.test.ts";
const STATUS = "test/e2e/status.test.ts";
const RETENTION = "test/retention/retention.test.ts";
const NO_TLS =
  "the port stays the one that 0.6.12 speaks to: TLS and passwords between servers are a later feature";

/** How many entries each part has. */
export const PARTS: Readonly<Record<string, number>> = { S: 15, C: 11, B: 31, K: 11 };

export const GAPS: readonly Entry[] = [
  ["S1", "an index was believed whatever its bytes", [planted("S1-index-not-hashed")]],
  ["S2", "paths of an index could lead out of the image", [planted("S2-names-lead-anywhere")]],
  ["S3", "a block was read wherever the hint pointed", [planted("S3-any-block-by-its-place")]],
  ["S4", "who reads is never asked who he is", [struck(NO_TLS)]],
  [
    "S5",
    "datagrams counted whoever sent them",
    [
      planted("S5-packets-of-anybody"),
      tested(
        GOSSIP,
        "BG16 a hundred thousand packets of strangers and of garbage leave nothing behind, and answer nobody",
      ),
    ],
  ],
  [
    "S6",
    "old signatures could be sent again",
    [found("older_accepted", "floor_forgotten", "floor_after_removal", "floor_not_written")],
  ],
  [
    "S7",
    "a signature says neither mode nor cluster",
    [
      struck("the signed bytes are those of 0.6.12, or no old peer would take them"),
      tested("test/kernel/signature.test.ts", "an upload of $path at $timestamp_ms is signed as by 0.6.12"),
    ],
  ],
  [
    "S8",
    "a stranger could combine the above into writing anywhere",
    [
      planted("S1-index-not-hashed"),
      planted("S2-names-lead-anywhere"),
      tested(
        FRAMES,
        "BC25 of a listing that is not what was advertised counts what is signed, and nothing else",
      ),
    ],
  ],
  ["S9", "everything travels in clear", [struck(NO_TLS)]],
  [
    "S10",
    "a status page followed `..`, and looking changed the disk",
    [planted("S10-page-that-follows-dots")],
  ],
  [
    "S11",
    "a question made folders",
    [tested(FRAMES, "BC22 a question about a path that is nowhere makes nothing")],
  ],
  ["S12", "signatures that hold for nothing were kept", [planted("S12-garbage-beside-one-that-holds")]],
  [
    "S13",
    "queues, frames and open questions had no bound",
    [
      planted("S13-questions-without-bound"),
      tested(
        "test/adapters/sockets.test.ts",
        "a reader that never reads is dropped, with what was queued for it",
      ),
    ],
  ],
  [
    "S14",
    "the type of a key was compared with itself",
    [tested(PUBLIC, "the line %j is a problem, and the next one counts")],
  ],
  ["S15", "a second spelling of a signature held", [planted("S15-signature-plus-the-order")]],

  ["C1", "a path of one component ended the process", [planted("C1-path-without-a-parent")]],
  ["C2", "so did one in a datagram", [planted("C2-watched-path-without-a-parent")]],
  ["C3", "so did an empty image id", [planted("C3-id-of-any-length")]],
  ["C4", "so did a short path where there is a keep list", [planted("C4-keep-list-of-a-short-path")]],
  ["C5", "so did a name in a listing", [planted("C5-listed-name-that-leads-away")]],
  ["C6", "so did a block size of 0", [planted("C6-blocks-of-no-size")]],
  ["C7", "so did an index without a first directory", [planted("C7-entry-before-a-directory")]],
  ["C8", "so did a name that is not UTF-8", [planted("C8-name-that-is-no-text")]],
  ["C9", "so did a full disk", [planted("C9-full-disk-is-the-end")]],
  ["C10", "so did a far year on a page", [planted("C10-years-of-five-digits")]],
  [
    "C11",
    "a client ended by questions it did not know",
    [
      planted("C11-client-that-knows-two-questions"),
      tested(
        "test/cli/uploader.test.ts",
        "who was asked is waited for when its connection ends before its answer",
      ),
      tested(
        "test/bad-input/files.test.ts",
        "BL2 a file that %s between the walk and the reading ends the upload: no mixed tree",
      ),
      tested(WORDS, "%j is refused as %s"),
    ],
  ],

  ["B1", "some names lost their state, or were never shown", [planted("B1-names-of-state-files")]],
  ["B2", "a restart forgot what was on its way", [found("promise_not_resumed")]],
  ["B3", "signatures of one image never became the same", [planted("B3-signatures-never-merged")]],
  ["B4", "only the oldest signature was tried", [planted("B4-first-signature-alone")]],
  [
    "B5",
    "two images at one path stayed for ever",
    [found("tie_to_the_first", "winner_reversed"), planted("W24-append-only-gives-way")],
  ],
  [
    "B6",
    "what a server told of a cleaned directory hung on its clock",
    [
      struck("so it does: what a look has judged is hidden until it goes. Clocks apart agree a little later"),
      tested(
        "test/sim/clocks-apart.test.ts",
        "clocks a minute apart keep the same, and nothing that is listed goes",
      ),
    ],
  ],
  ["B7", "merged signatures were not told", [planted("B7-merged-and-not-told"), found("digest_forgotten")]],
  ["B8", "a trial run of cleaning removed at once", [found("one_look")]],
  ["B9", "what was given up stayed on the disk", [planted("B9-stage-of-what-was-given-up")]],
  [
    "B10",
    "nothing was synced, and nothing verified later",
    [
      found("files_not_synced", "exchange_not_synced", "name_not_synced", "recovery_takes_word"),
      tested(
        "test/kernel/scrub.test.ts",
        "what is damaged is promised again as it was signed, and told until it is whole",
      ),
    ],
  ],
  [
    "B11",
    "a running download kept newer images out",
    [planted("B11-running-download-refuses"), found("superseded_goes_on")],
  ],
  ["B12", "a condition did not count where nothing was", [found("cas_ignored")]],
  ["B13", "a broken client was asked in a tight loop", [planted("B13-no-rest-for-who-fails")]],
  [
    "B14",
    "a silent peer held its place for an hour",
    [planted("B14-silence-without-end"), found("question_without_end")],
  ],
  ["B15", "what peers had said counted for ever", [planted("B15-reports-without-end")]],
  ["B16", "blocks were told before they were written", [planted("B16-mask-before-write")]],
  ["B17", "an address belonged to its first machine", [planted("B17-address-of-one-machine")]],
  ["B18", "all was in one datagram, of any size", [planted("B18-one-packet-for-all")]],
  ["B19", "base directories were drawn, not told in turn", [planted("B19-always-the-same-ten")]],
  [
    "B20",
    "clients heard of no end at other servers",
    [
      struck(
        "a datagram can be made up, so no end follows from one: a client hears it of servers that it is connected to",
      ),
      tested(GOSSIP, "%s a peer says %s: no success, no end, nothing on disk"),
    ],
  ],
  ["B21", "a notice of another image was passed on as a success", [found("other_image_counts")]],
  ["B22", "an old index of another hash ended a download", [planted("B22-sources-of-another-hash")]],
  ["B23", "a renamed file was fetched again", [planted("B23-same-path-alone")]],
  [
    "B24",
    "some entries had the time of their making",
    [
      planted("B24-empty-files-have-the-time-of-now"),
      struck("directories and links have it still: nobody compares it"),
    ],
  ],
  [
    "B25",
    "one image that could not go kept the others",
    [
      planted("B25-first-refusal-ends-the-round"),
      struck("folders that are empty then stay, as they did"),
      tested(
        RETENTION,
        "a removal that the disk refuses is told, tried again, and told no more when it was done",
      ),
    ],
  ],
  [
    "B26",
    "indexes went with a directory's configuration",
    [
      found("used_index_dropped"),
      tested("test/retention/indexes.test.ts", "nothing is dropped when a state could not be read"),
    ],
  ],
  [
    "B27",
    "some options were read and did nothing",
    [
      tested("test/adapters/config-options.test.ts", "every option, once with a space and once with ="),
      tested(
        "test/adapters/http-server.test.ts",
        "above the bound a connection is ended, and those before it are served",
      ),
    ],
  ],
  [
    "B28",
    "pages had figures that were wrong",
    [tested(STATUS, "the members of /status/ are those of its table")],
  ],
  ["B29", "failures of every address were kept", [planted("B29-failures-without-bound")]],
  [
    "B30",
    "keys behind links were not read",
    [tested(FOLDER, "secrets that are mounted as links inside of the folder are read")],
  ],
  [
    "B31",
    "a disk that was not there cost the states",
    [
      planted("B31-state-goes-with-the-promise"),
      found("missing_image_ignored"),
      tested("test/storage/remove.test.ts", "without its directory nothing is decided"),
      tested(
        "test/kernel/reload.test.ts",
        "what the disk does not let us serve is a problem, and is tried again when the operator says so",
      ),
    ],
  ],

  ["K1", "an upload waited for one server too many", [planted("K1-one-server-too-many")]],
  ["K2", "an end was noticed at the deadline only", [planted("K2-given-up-by-all")]],
  ["K3", "an error led to the same question at once", [planted("K3-same-question-again")]],
  ["K4", "any image at the path counted as ours", [found("other_image_counts")]],
  [
    "K5",
    "one failed upload ended the others",
    [tested(CLIENT, "one upload that fails does not stop another, and the status tells of it")],
  ],
  [
    "K6",
    "edited files of some sizes were broken, and bits lost",
    [
      tested(EDIT, "a file of %i bytes is put, and edited again"),
      tested(EDIT, "an edited program stays executable"),
      tested(
        "test/kernel/reader.test.ts",
        "the file is read whole, from the one server that has it and is honest, whatever the others do",
      ),
      tested("test/kernel/reader.test.ts", "when nobody has it, the reason is said soon"),
    ],
  ],
  [
    "K7",
    "a large index could not be fetched by a client",
    [
      tested(
        "test/adapters/sockets.test.ts",
        "a message of 60 MB travels; of two more that do not end, the one that breaks the common bound is cut off",
      ),
    ],
  ],
  [
    "K8",
    "a missing command was a success",
    [tested(CLIENT, "help and version are on stdout with status 0; no command is a hint on stderr")],
  ],
  [
    "K9",
    "destinations were not looked at",
    [
      tested(WORDS, "what servers keep for themselves is no destination: client and servers have one rule"),
      tested(WORDS, "--replace %s is split at the last colon before a slash"),
    ],
  ],
  [
    "K10",
    "a file that changed meanwhile was fetched for ever",
    [
      planted("B13-no-rest-for-who-fails"),
      tested(
        "test/bad-input/files.test.ts",
        "BL2 a file that %s between the walk and the reading ends the upload: no mixed tree",
      ),
    ],
  ],
  [
    "K11",
    "a locked default key stopped every command",
    [
      tested(
        "test/cli/keys.test.ts",
        "a passphrase is asked of SSH_ASKPASS where there is no terminal; a wrong one three times",
      ),
    ],
  ],
];
