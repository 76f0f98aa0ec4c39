/** The weaknesses of 0.6.12 by the numbers of the reliability notes; most are entries of the other table too. */
import { type Entry, found, planted, same, struck, tested } from "./held.ts";

const GOSSIP = "test/bad-input/gossip.test.ts";
const STATE = "test/bad-input/state.test.ts";

export const WEAKNESSES_COUNT = 56;

export const WEAKNESSES: readonly Entry[] = [
  ["W1", "an index was believed whatever its bytes", [same("S1")]],
  ["W2", "whoever declared an image was asked for it", [planted("W2-anybody-who-declares")]],
  ["W3", "a block was read wherever the hint pointed", [same("S3")]],
  ["W4", "paths of an index could lead out of the image", [same("S2")]],
  [
    "W5",
    "a link may lead anywhere",
    [
      struck("an image is what was signed, its links too; nothing is ever written through one"),
      tested(
        "test/bad-input/files.test.ts",
        "BF8 %s where the stage is to be: nothing is written through it",
      ),
    ],
  ],
  ["W6", "who reads is never asked who he is", [same("S4")]],
  ["W7", "a datagram was believed whoever sent it", [same("S5")]],
  [
    "W8",
    "a notice of another image was a success",
    [
      found("other_image_counts"),
      tested("test/cli/uploader.test.ts", "a receipt for another image is none of ours"),
    ],
  ],
  ["W9", "made-up reports could end a download everywhere", [planted("W9-deleted-elsewhere-ends-it-here")]],
  ["W10", "an address belonged to its first machine", [same("B17")]],
  ["W11", "a signature says neither mode nor cluster", [same("S7")]],
  ["W12", "a replace with an old signature was taken", [found("older_accepted", "peer_older_taken")]],
  [
    "W13",
    "an old signature brought back what was removed",
    [planted("W13-floor-not-read"), found("floor_forgotten", "floor_after_removal")],
  ],
  ["W14", "a signature from the far future was taken", [found("future_accepted", "future_offer_covered")]],
  ["W15", "garbage beside a signature was kept, and hid it from others", [same("S12"), same("B4")]],
  [
    "W16",
    "a client did not look at the bytes that it was sent",
    [
      planted("W16-bytes-not-looked-at"),
      tested("test/kernel/difference.test.ts", "every byte of an index that is flipped is noticed"),
    ],
  ],
  [
    "W17",
    "a client went wherever a server sent it",
    [struck("it does still: a cluster names its servers, and an upload has no secret in it but a signature")],
  ],
  [
    "W18",
    "a page of any site could open a connection",
    [tested("test/adapters/sockets.test.ts", "%s is refused")],
  ],
  ["W19", "looking at a page changed the disk", [same("S10")]],
  ["W20", "a question made folders", [same("S11")]],
  ["W21", "who was newer was decided by other signatures on each side", [planted("W21-any-against-first")]],
  ["W22", "two images of one moment stayed for ever", [found("tie_to_the_first")]],
  ["W23", "signatures of one image never became the same", [same("B3")]],
  [
    "W24",
    "two images in an append-only directory were asked about for ever",
    [planted("W24-append-only-gives-way")],
  ],
  ["W25", "ties among old images were decided by chance", [planted("W25-ties-by-chance")]],
  ["W26", "a running download kept newer images out", [same("B11")]],
  [
    "W27",
    "the hash of an index did not count for its blocks",
    [
      same("B22"),
      tested(
        "test/storage/other-hash.test.ts",
        "a neighbour whose index has another hash is left alone, and the rest is fetched",
      ),
    ],
  ],
  ["W28", "two machines of one id never heard of it", [planted("W28-own-id-in-silence")]],
  ["W29", "a path of one component ended the process", [same("C1")]],
  ["W30", "so did an empty image id", [same("C3")]],
  ["W31", "so did a watched path of one component", [same("C2")]],
  ["W32", "so did a name in a listing", [same("C5")]],
  ["W33", "so did a block size of 0, and a size beyond all", [same("C6")]],
  ["W34", "so did tags in tags", [planted("W34-tags-in-tags")]],
  ["W35", "so did any error of a write", [same("C9")]],
  ["W36", "so did a far year on a page", [same("C10")]],
  ["W37", "a client ended by questions it did not know", [same("C11")]],
  ["W38", "queues, frames and open questions had no bound", [same("S13")]],
  [
    "W39",
    "connections had one bound for all",
    [
      tested(
        "test/adapters/admission.test.ts",
        "no stranger has more than a part, all of them no more than the bound, and a peer still comes in",
      ),
    ],
  ],
  [
    "W40",
    "tables grew with what strangers chose",
    [
      same("B29"),
      planted("W40-declared-without-bound"),
      tested(
        GOSSIP,
        "BG10 a list of five thousand directories is cut, and one without any costs its peer alone",
      ),
    ],
  ],
  [
    "W41",
    "what clients waited for filled every datagram",
    [same("B18"), planted("W41-watches-without-bound")],
  ],
  [
    "W42",
    "an index had no bound",
    [
      planted("W42-index-without-bound"),
      tested("test/bad-input/index.test.ts", "BI30 more files in one directory than there may be entries"),
    ],
  ],
  [
    "W43",
    "a datagram could have large answers sent elsewhere",
    [planted("W43-config-list-for-every-packet"), same("S5")],
  ],
  [
    "W44",
    "nothing was synced",
    [
      found(
        "files_not_synced",
        "folders_not_synced",
        "folder_not_synced",
        "name_not_synced",
        "exchange_not_synced",
      ),
    ],
  ],
  [
    "W45",
    "a state that was not written whole took the old one's place",
    [found("promise_not_synced", "file_written_in_place")],
  ],
  ["W46", "a start forgot what was accepted", [found("promise_not_resumed")]],
  [
    "W47",
    "a commit that was cut short was never found out",
    [found("recovery_takes_word", "failed_commit_reported")],
  ],
  [
    "W48",
    "a removal that was cut short left a directory for ever",
    [found("floor_after_removal"), planted("W48-removal-not-finished")],
  ],
  ["W49", "a trial run of cleaning removed at once", [found("one_look")]],
  ["W50", "a keep list that was not there named nothing", [found("unreadable_list_is_empty")]],
  [
    "W51",
    "a state that could not be read cost the image its index",
    [
      tested(STATE, "%s a state that is %s is set aside"),
      planted("W51-collection-after-an-unreadable-state"),
    ],
  ],
  ["W52", "names of images met names of states", [same("B1")]],
  [
    "W53",
    "a restart threw away what was fetched",
    [
      planted("W53-stage-begun-anew"),
      found("stage_trusted"),
      tested(
        "test/e2e/crash.test.ts",
        "a server that is killed in the middle of a download goes on with what it has",
      ),
    ],
  ],
  ["W54", "an upload could lose its index to the collection", [found("used_index_dropped")]],
  [
    "W55",
    "one wrong line of keys hid those behind it",
    [
      tested(
        "test/adapters/config-folder.test.ts",
        "while a server runs, sound lines count beside wrong ones",
      ),
    ],
  ],
  ["W56", "nobody looked whether there is room", [planted("W56-no-look-at-the-room")]],
];
