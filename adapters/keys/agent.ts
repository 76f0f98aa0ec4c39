/**
 * The Ed25519 keys of an ssh-agent: what they sign is sent there, their private halves stay. An agent may ask somebody
 * before it signs (`ssh-add -c`), so signing has no deadline; listing has one.
 */
import ssh2 from "ssh2";
import { brief } from "../config/problem.ts";
import { AgentRefused, type SigningKey } from "./private.ts";
import { keyOfBlob } from "./public.ts";

const LIST_MS = 5_000;
const SIGNATURE_BYTES = 64;

/** In the order of the agent, or why there are none. */
export async function agentKeys(socket: string): Promise<readonly SigningKey[] | string> {
  const agent = new ssh2.OpenSSHAgent(socket);
  const listed = await new Promise<readonly unknown[] | string>((done) => {
    const late = setTimeout(() => done(`does not answer within ${LIST_MS / 1_000} s`), LIST_MS);
    agent.getIdentities((error, keys) => {
      clearTimeout(late);
      done(error ? brief(error.message) : (keys ?? []));
    });
  });
  if (typeof listed === "string") return listed;
  return (listed as readonly ssh2.ParsedKey[]).flatMap((identity) => {
    const parsed = keyOfBlob(identity.getPublicSSH());
    if (typeof parsed === "string") return []; // of another type, which signs nothing here
    return [{ publicKey: parsed.key, sign: (bytes: Uint8Array) => signedBy(agent, identity, bytes) }];
  });
}

function signedBy(agent: ssh2.OpenSSHAgent, key: ssh2.ParsedKey, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((done, failed) => {
    agent.sign(key, Buffer.from(bytes), {}, (error, signature) => {
      if (signature?.length === SIGNATURE_BYTES) done(new Uint8Array(signature));
      else failed(new AgentRefused(brief(error?.message ?? "it sent no Ed25519 signature")));
    });
  });
}
