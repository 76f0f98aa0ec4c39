/**
 * The keys a client signs with: files and variables as 0.6.12 takes them; where that is not enough, those that an agent
 * holds and those that a passphrase opens. The agent's own keys are taken when nothing was named and nothing is in the
 * usual places.
 */
import { agentKeys } from "./agent.ts";
import { askPassphrase } from "./passphrase.ts";
import { findPrivateKeys, type FoundKeys, type KeyChoice } from "./private.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export async function gatherKeys(choice: KeyChoice, environment: Environment): Promise<FoundKeys> {
  const plain = findPrivateKeys(choice, environment);
  if (plain.problems.length === 0 && plain.keys.length > 0) return plain;
  const socket = environment["SSH_AUTH_SOCK"] ?? "";
  const listed = socket === "" ? [] : await agentKeys(socket);
  const own = typeof listed === "string" ? [] : listed;
  const found = findPrivateKeys(choice, environment, {
    held: (key) => own.find(({ publicKey }) => publicKey === key),
    ask: (where, again) => askPassphrase(where, again, environment),
  });
  const silent = typeof listed === "string" ? [`SSH_AUTH_SOCK: the agent ${listed}`] : [];
  if (found.problems.length > 0) return { ...found, problems: [...found.problems, ...silent] };
  if (found.keys.length > 0) return found;
  return { keys: own, problems: [], warnings: [...found.warnings, ...silent] };
}
