/**
 * What servers and disks answer, in words: what it means, and what to do. Servers of 0.6.12 know the first seven; the
 * others are ours. A reason that is not here is shown as it came.
 */
type Words = readonly [means: string, todo: string];

const UPLOAD: Readonly<Record<string, Words>> = {
  no_config: [
    "this server has no configuration for the first part of the destination",
    "check the destination, or configure it there",
  ],
  config_level_mismatch: [
    "the destination has another number of parts than num-levels in the server's configuration",
    "add or remove a part",
  ],
  signature_mismatch: [
    "none of your keys may write there",
    "add one to the server's master.key or to a key file that upload-keys names, or choose another with -i",
  ],
  already_exists: [
    "another image is at the destination already",
    "use another destination, --append-weak to leave it as it is, or --replace",
  ],
  already_uploading_different_version: [
    "another image is being uploaded to the destination just now",
    "try again when it is done",
  ],
  dir_is_append_only: [
    "the server's configuration forbids to replace anything there",
    "use --append with a new destination",
  ],
  replace_doesnt_match_index: [
    "the image at the destination is not the one of OLD_ID",
    "someone was faster: look at what is there and try again",
  ],
  older_than_present: [
    "an image with a newer signature is at the destination",
    "check the clock of this machine, then try again",
  ],
  timestamp_in_future: ["your signature is dated in the future", "set the clock of this machine"],
  reserved_name: [
    "the last part of the destination is a name that servers keep for themselves",
    "use another name",
  ],
  name_too_long: ["a part of the name is too long", "use a shorter one"],
  busy: ["the server has as many uploads as it takes", "try again later"],
  too_many_requests: ["the server has as many requests as it takes", "try again later"],
  too_many_watches: ["this connection watches as many destinations as it may", "upload fewer at once"],
  not_running: ["the server is starting or stopping", "try again in some seconds"],
  superseded_by_newer: [
    "a newer image was uploaded to the same destination meanwhile",
    "nothing, unless yours was to be the newer",
  ],
  index_invalid: ["the server cannot read the index of this image", "check that both are of one version"],
  index_conflict: [
    "two names of the source differ in case or form alone, and are one name to the server's file system",
    "rename one, or put the directory on another file system there",
  ],
  index_name_too_long: [
    "a name of the source is too long for the server's file system",
    "shorten it, or put the directory on another file system there",
  ],
  no_space: ["the disk of the server is full", "make room there, then try again"],
  disk_full: ["the disk of the server is full", "make room there, then try again"],
  exchange_unsupported: [
    "the server's file system cannot swap two directories",
    "put the directory on another file system there",
  ],
  read_only: ["the disk of the server is read-only", "look at the server"],
  not_permitted: ["the server is not permitted to write there", "look at the owner of its directory"],
  io: ["the disk of the server failed", "look at the server's log"],
};

const SOURCE: Readonly<Record<string, Words>> = {
  missing: ["something in the source is gone", "try again when nobody changes it"],
  not_permitted: ["something in the source cannot be read", "let your user read it, or leave it out"],
  not_a_directory: ["the source is not a directory", "name a directory"],
  is_a_link: ["something became a link while it was read", "try again when nobody changes the source"],
  is_a_directory: [
    "something became a directory while it was read",
    "try again when nobody changes the source",
  ],
  source_changed: ["a file changed while it was read", "try again when nobody changes the source"],
  name_too_long: ["a path in the source is too long", "shorten it"],
  unsupported: ["the source has more entries than an index can have", "split it"],
  index_too_large: ["the source has too many files for one image", "split it into several directories"],
  too_many_open: ["too many open files", "raise the limit of open files (ulimit -n)"],
  io: ["the source cannot be read, or a file changed while it was read", "look at the disk, then try again"],
  queue_full: ["too many requests to the disk", "upload fewer directories at once"],
};

export function wordsOf(reason: string): string | null {
  return sentence(UPLOAD[reason]);
}

export function wordsOfSource(code: string): string | null {
  return sentence(SOURCE[code]);
}

function sentence(words: Words | undefined): string | null {
  return words === undefined ? null : `${words[0]}; ${words[1]}`;
}

/** Why an upload as a whole failed; the first words of each are those of 0.6.12. */
export const WHY_WORDS = {
  received: "received",
  rejected: "some hosts rejected the download",
  deadline: "deadline reached",
  unreachable: "no host can be reached",
} as const;
