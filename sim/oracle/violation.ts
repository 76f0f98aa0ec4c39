/** What a run is failed for: a promise by its name, and how it was broken. */

/**
 *   mixed_tree      what is visible at a path is none of the images uploaded there, whole
 *   wrong_bytes     bytes were written into an image that no uploaded file has there
 *   stray_entry     something else than an image lies in a base directory
 *   went_back       a path shows an older version than it did, or nothing
 *   acked_lost      a server reported an image, and no longer has it or a newer one
 *   unauthorised    a path shows what only a key signed that may not write there
 *   future_taken    a server accepted a signature from further ahead of its clock than it may
 *   append_replaced an append-only path shows another image than before
 *   not_converged   after the faults ended, the servers do not all hold the winner within the bound
 *   machine_failed  a machine or a storage program threw
 */
export type ViolationCode =
  | "mixed_tree"
  | "wrong_bytes"
  | "stray_entry"
  | "went_back"
  | "acked_lost"
  | "append_replaced"
  | "unauthorised"
  | "future_taken"
  | "not_converged"
  | "machine_failed";

export class Violation extends Error {
  readonly code: ViolationCode;

  constructor(code: ViolationCode, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}
