/** Where an index came from, and who has signed it, for people and for programs. */
import type { Origin } from "../../kernel/reader.ts";
import { printPublicKey } from "../keys/public.ts";
import { printable } from "./text.ts";

export function originSentence(path: string, image: string, origin: Origin): string {
  const { address, timestamp, signers } = origin;
  const [signer] = signers;
  const by = signer === undefined ? "by a key that is not known here" : `by ${printPublicKey(signer)}`;
  const signed = timestamp === null ? "not listed" : `signed ${new Date(timestamp).toISOString()} ${by}`;
  return `${printable(path)}: ${image}, ${signed}, from ${address}`;
}

export function originObject({ address, timestamp, signers }: Origin): object {
  return {
    address,
    signed: timestamp === null ? null : new Date(timestamp).toISOString(),
    signers: signers.map(printPublicKey),
  };
}
