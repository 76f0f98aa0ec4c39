/** Bounds of what comes from the network, each with its unit and reason. */

/** Largest frame, that of 0.6.12: an index of about a million small files, or of 50 GB. */
export const FRAME_BYTES_MAX = 101 * 1024 * 1024;
/** Text of an index that fits into one, with what stands around it. */
export const INDEX_FRAME_BYTES_MAX = FRAME_BYTES_MAX - 1024;
/** What we receive in one datagram: 0.6.12 packs without a limit, IPv4 ends here. */
export const PACKET_RECEIVE_BYTES_MAX = 65_507;
/** Nested containers; the deepest message of the protocol, a packet with progress, has 6. */
export const CBOR_DEPTH_MAX = 16;
/** Items of one message; a listing of 10,000 images has 90,000, and walking as many takes 20 ms. */
export const CBOR_ITEMS_MAX = 100_000;
/** Signatures of one state: as many keys as an upload is signed with. */
export const SIGNATURES_MAX = 16;
/** Entries of any list or map of a message. */
export const ENTRIES_MAX = 10_000;
/** Free text from outside that is kept for a log line. */
export const TEXT_LENGTH_MAX = 256;
/** Timestamps are numbers: exact up to here, some 285,000 years. */
export const TIMESTAMP_MAX = Number.MAX_SAFE_INTEGER;
