/** Error numbers of Linux (the same on every architecture that Node runs on) as the port's codes. */
import type { FsCode } from "../kernel/storage/call.ts";

const CODES: ReadonlyMap<string, FsCode> = new Map([
  ["ENOENT", "missing"],
  ["EEXIST", "exists"],
  ["ENOTEMPTY", "exists"],
  ["ENOTDIR", "not_a_directory"],
  ["EISDIR", "is_a_directory"],
  ["ELOOP", "is_a_link"],
  ["ENOSPC", "no_space"],
  ["EDQUOT", "no_space"],
  ["EROFS", "read_only"],
  ["EACCES", "not_permitted"],
  ["EPERM", "not_permitted"],
  ["EMFILE", "too_many_open"],
  ["ENFILE", "too_many_open"],
  ["EMLINK", "too_many_links"],
  ["EXDEV", "other_device"],
  ["EINVAL", "unsupported"],
  ["EOPNOTSUPP", "unsupported"],
  ["ENOTSUP", "unsupported"],
  ["ENOSYS", "unsupported"],
  ["ENAMETOOLONG", "name_too_long"],
  ["EBUSY", "busy"],
  ["EAGAIN", "busy"],
  ["EWOULDBLOCK", "busy"],
]);

export function codeOfErrno(name: string): FsCode {
  return CODES.get(name) ?? "io";
}
