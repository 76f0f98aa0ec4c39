/**
 * One file-system call of a storage program. A program is a synchronous generator: it yields a call, and is resumed
 * with the call's value, or by a thrown `FsFailure` that unwinds it as an errno unwinds a system call sequence
 * (`finally` closes what was opened). The same program runs over real descriptors and over the simulator's disk.
 *
 * Every name is one component (no `/`, no NUL, not `.` or `..`), opened relative to a directory that is held open,
 * never through a symbolic link. There is no call that takes a path.
 */
import type { Brand } from "../brand.ts";
import type { ByteString } from "../text.ts";

/** An open file or directory. In production a descriptor number of the process. */
export type Handle = Brand<number, "Handle">;
/** One path component, 1 to 255 bytes. */
export type FileName = Brand<ByteString, "FileName">;
/** A directory that the daemon or client was given by its operator: its text is opened by the port alone. */
export type RootName = Brand<string, "RootName">;

export type FileKind = "file" | "directory" | "link" | "other";

export type FileStat = {
  readonly kind: FileKind;
  readonly size: number;
  /** Permission bits, mode & 0o7777. */
  readonly mode: number;
  readonly links: number;
  /** True when this process's user owns it. */
  readonly own: boolean;
  /** Device and inode, for "is it the same file". */
  readonly identity: string;
  /** Nanosecond modification and change times as text, compared for equality only. */
  readonly changed: string;
};

export type FsCall =
  /** Opens a given directory, following links in its own text. Returns Handle; the port keeps it: do not close. */
  | { readonly call: "root"; readonly root: RootName }
  /** O_DIRECTORY | O_NOFOLLOW. Returns Handle. */
  | { readonly call: "open_directory"; readonly dir: Handle; readonly name: FileName }
  /** O_RDONLY | O_NOFOLLOW | O_NONBLOCK. Returns Handle. */
  | { readonly call: "open_file"; readonly dir: Handle; readonly name: FileName }
  /** O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode 0644. Returns Handle. */
  | { readonly call: "create_file"; readonly dir: Handle; readonly name: FileName }
  /** O_RDWR | O_NOFOLLOW of an existing file. Returns Handle. */
  | { readonly call: "open_for_write"; readonly dir: Handle; readonly name: FileName }
  | { readonly call: "close"; readonly handle: Handle }
  /** Returns FileStat. */
  | { readonly call: "stat"; readonly handle: Handle }
  /** Of the name itself, not of what a link points to. Returns FileStat. */
  | { readonly call: "stat_name"; readonly dir: Handle; readonly name: FileName }
  /** Returns FileName[] in byte order, without `.` and `..`. */
  | { readonly call: "list"; readonly dir: Handle }
  /** Returns Uint8Array; shorter than `length` only at the end of the file. */
  | { readonly call: "read"; readonly handle: Handle; readonly offset: number; readonly length: number }
  /** Writes all of it or fails. */
  | { readonly call: "write"; readonly handle: Handle; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly call: "truncate"; readonly handle: Handle; readonly size: number }
  | { readonly call: "set_mode"; readonly handle: Handle; readonly mode: number }
  /** Access and modification time, seconds since 1970. */
  | { readonly call: "set_times"; readonly handle: Handle; readonly seconds: number }
  /** fsync of a file or directory. */
  | { readonly call: "sync"; readonly handle: Handle }
  /** syncfs of the file system that holds the directory. */
  | { readonly call: "sync_file_system"; readonly dir: Handle }
  /** Mode 0755. */
  | { readonly call: "make_directory"; readonly dir: Handle; readonly name: FileName }
  /** Hard link to an open file. */
  | { readonly call: "link"; readonly handle: Handle; readonly dir: Handle; readonly name: FileName }
  | { readonly call: "make_link"; readonly dir: Handle; readonly name: FileName; readonly target: ByteString }
  /** Returns ByteString. */
  | { readonly call: "read_link"; readonly dir: Handle; readonly name: FileName }
  | {
      readonly call: "rename";
      readonly fromDir: Handle;
      readonly from: FileName;
      readonly toDir: Handle;
      readonly to: FileName;
      /** `replace` as rename(2); `keep` fails with `exists`; `exchange` swaps two existing names. */
      readonly mode: "replace" | "keep" | "exchange";
    }
  | { readonly call: "unlink"; readonly dir: Handle; readonly name: FileName }
  | { readonly call: "remove_directory"; readonly dir: Handle; readonly name: FileName }
  /** Advisory exclusive lock of an open file, without waiting; held until the process ends. */
  | { readonly call: "lock"; readonly handle: Handle }
  /** BLAKE2b-256 (or SHA-512/256) of a range of an open file, block after block. Returns 32 bytes a block. */
  | {
      readonly call: "digest_blocks";
      readonly handle: Handle;
      readonly offset: number;
      readonly length: number;
      readonly blockBytes: number;
    }
  /** Returns 32 bytes. */
  | { readonly call: "digest"; readonly algorithm: "blake2b/256" | "sha512/256"; readonly bytes: Uint8Array }
  /** A place where a long program lets others run. */
  | { readonly call: "checkpoint" };

/** Stable codes of what the world can answer; everything else is `io`. */
export type FsCode =
  | "missing" // ENOENT
  | "exists" // EEXIST, ENOTEMPTY
  | "not_a_directory" // ENOTDIR
  | "is_a_directory" // EISDIR
  | "is_a_link" // ELOOP
  | "no_space" // ENOSPC, EDQUOT
  | "read_only" // EROFS
  | "not_permitted" // EACCES, EPERM
  | "too_many_open" // EMFILE, ENFILE
  | "too_many_links" // EMLINK
  | "other_device" // EXDEV
  | "unsupported" // EINVAL, ENOTSUP, ENOSYS: the file system cannot do it
  | "name_too_long" // ENAMETOOLONG
  | "busy" // EBUSY, EWOULDBLOCK of a lock
  | "io"; // EIO and the rest

/**
 * Thrown into a program by whoever performs its calls, and only there. No `Error`: many are plain answers, as of a name
 * that is not there, and to note a stack costs more than the call.
 */
export class FsFailure {
  readonly code: FsCode;
  readonly call: FsCall["call"];
  readonly detail: string;

  constructor(code: FsCode, call: FsCall["call"], detail: string) {
    this.detail = detail;
    this.code = code;
    this.call = call;
  }

  get message(): string {
    return `${this.call}: ${this.detail}`;
  }
}

/** What a call is answered with. Programs use the typed wrappers of `calls.ts` and never see this union. */
export type FsValue = void | Handle | FileStat | Uint8Array | ByteString | readonly FileName[];
export type StorageProgram<T> = Generator<FsCall, T, FsValue>;

/** Performs one call, or throws FsFailure. Implemented by real descriptors and by the simulator's disk. */
export type FileSystem = { perform(call: FsCall): FsValue };

export function parseFileName(bytes: ByteString): FileName | null {
  if (bytes.length < 1 || bytes.length > FILE_NAME_BYTES_MAX) return null;
  if (bytes === "." || bytes === ".." || bytes.includes("/") || bytes.includes("\0")) return null;
  return bytes as FileName;
}

export const FILE_NAME_BYTES_MAX = 255; // NAME_MAX of Linux file systems
