/** An answer that the caller has to look at: a value, or a stable code with a detail for the log. */
export type Result<T, Code extends string> = Accepted<T> | Refused<Code>;
export type Accepted<T> = { readonly ok: true; readonly value: T };
/** The code is the contract; the detail is for people and may change. */
export type Refused<Code extends string> = {
  readonly ok: false;
  readonly code: Code;
  readonly detail: string;
};

export function accepted<T>(value: T): Accepted<T> {
  return { ok: true, value };
}

export function refused<Code extends string>(code: Code, detail = ""): Refused<Code> {
  return { ok: false, code, detail };
}
