/** Bounds of an index that comes from outside, each with its unit and reason. */

/** Frame limit of a 0.6.12 server, 101 MiB: no index of its cluster is larger. */
export const INDEX_BYTES_MAX = 101 * 1024 * 1024;
/** Entries; at about 70 bytes a line a larger index would not fit `INDEX_BYTES_MAX` anyway. */
export const ENTRIES_MAX = 2_000_000;
/** NAME_MAX of Linux file systems. */
export const NAME_BYTES_MAX = 255;
/** PATH_MAX of Linux less a base directory in front. */
export const PATH_BYTES_MAX = 3_072;
/** Directory levels: keeps recursive readers (`cp -r`, `find`) of the tree alive. */
export const DEPTH_MAX = 256;
/** PATH_MAX, which symlink(2) refuses to exceed. */
export const TARGET_BYTES_MAX = 4_095;
/** Sizes are numbers: exact up to here. */
export const FILE_BYTES_MAX = Number.MAX_SAFE_INTEGER;
