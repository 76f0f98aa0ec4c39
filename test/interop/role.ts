export const ROLES = ["server", "other-server", "client"] as const;
export type Role = (typeof ROLES)[number];

export function roleOf(letter: string): Role {
  return letter === "s" ? "server" : "other-server";
}
