/** What a run is failed for: a promise by its name, and how it was broken. */

/** Each promise, as it holds. */
export const PROMISES = {
  mixed_tree: "what is visible at a path is one uploaded image, whole",
  wrong_bytes: "only bytes of uploaded files are written into an image",
  image_changed: "a file of an image that is or was visible is never written, nor are its mode and times set",
  stray_entry: "nothing but images lies in a base directory",
  went_back: "a path never shows an older version than before, or nothing",
  acked_lost: "what a server has reported survives everything but the loss of its disk",
  append_replaced: "an append-only path keeps its first image",
  torn_file: "a file of a database is written aside, and a power cut leaves it whole",
  promise_lost: "what a server has accepted is on its disk, and is fetched after a start",
  floor_lost: "what a server has committed is the floor of its path, and that never goes down",
  unauthorised: "only who has a key that may write there can publish",
  future_taken: "a signature from more than five minutes ahead is refused",
  older_taken: "a server never takes what is smaller than what it has or fetches",
  condition_ignored: "a conditional replace is accepted only where its condition holds",
  wrongly_refused: "an upload is refused only for a reason that is true",
  false_success: "what a client is told to be at a server is there",
  told_late: "a change is told at once, where nothing goes wrong",
  client_forgotten: "a client that brought the winner learns that it is everywhere",
  wrong_answer: "a question is answered once, with the bytes that were asked for",
  wrong_address: "a server talks only to those that its peer file names",
  too_many: "connections, questions and packets keep within their bounds",
  not_at_rest: "servers that agree ask each other for nothing, and keep nothing that nobody needs",
  not_converged: "after the last fault all servers hold the winner within the bound",
  removed_wrongly:
    "nothing goes that the rules or the keep list keep, while that cannot be read, or after the clock was set",
  came_back: "what is removed is written down before it goes, and its old signature brings nothing back",
  kept_too_long: "what nothing keeps goes in the end",
  index_lost: "an index that an image or a promise needs stays",
  machine_failed: "no input makes a machine fail",
} as const;

export type ViolationCode = keyof typeof PROMISES;

export class Violation extends Error {
  readonly code: ViolationCode;

  constructor(code: ViolationCode, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}
