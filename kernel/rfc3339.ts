/** Times of day as status pages have them. */

const DAY_MS = 86_400_000;

/** UTC, with milliseconds; civil dates by the algorithm of Howard Hinnant, exact for any year. */
export function rfc3339(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const rest = ms - days * DAY_MS;
  const shifted = days + 719_468; // days since 0000-03-01
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [
    Math.floor(rest / 3_600_000),
    Math.floor(rest / 60_000) % 60,
    Math.floor(rest / 1000) % 60,
  ].map(two);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${time.join(":")}.${String(rest % 1000).padStart(3, "0")}Z`;
}

const WRITTEN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)$/;

/** Milliseconds since 1970 of a time in UTC from 1970 on; null for anything else. */
export function parseRfc3339(text: string): number | null {
  const parts = WRITTEN.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1, 7).map(Number);
  const shiftedMonth = month > 2 ? month - 3 : month + 9;
  const shiftedYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * shiftedMonth + 2) / 5) + day - 1;
  const leaps = Math.floor(shiftedYear / 4) - Math.floor(shiftedYear / 100) + Math.floor(shiftedYear / 400);
  const days = shiftedYear * 365 + leaps + dayOfYear - 719_468; // which 0000-03-01 is before 1970
  const fraction = Number((parts[7] ?? "").padEnd(3, "0").slice(0, 3));
  const ms = days * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction;
  // A day that there is not comes out as another one.
  return ms >= 0 && rfc3339(ms).slice(0, 19) === text.slice(0, 19) ? ms : null;
}
