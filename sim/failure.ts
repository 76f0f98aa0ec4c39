/** A machine or a storage program that threw: a bug of it, with the place where it showed. */
export class MachineFailure extends Error {
  readonly host: string;

  constructor(host: string, where: string, cause: unknown) {
    super(`${host}: ${cause instanceof Error ? cause.message : String(cause)}\n${where}`, { cause });
    this.host = host;
  }
}
