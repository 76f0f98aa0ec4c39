/** How a program says what is wrong in the words of `storage/`: thrown inside it, and turned into a result at its end. */
import type { StorageCode } from "./request.ts";

export class StorageRefusal extends Error {
  readonly code: StorageCode;

  constructor(code: StorageCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export function refuse(code: StorageCode, detail: string): never {
  throw new StorageRefusal(code, detail);
}
