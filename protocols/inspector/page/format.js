// Numbers as text: counts, bytes, durations. Seconds and bytes everywhere.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (number) => NUMBER.format(number);

/** Return a number with at most three digits that matter: "0.12", "3.4", "56", "1,200". */
export function short(number) {
  if (number === 0) return "0";
  if (number < 0.01) return "0.01";
  if (number < 1) return number.toFixed(2);
  if (number < 10) return number.toFixed(1).replace(/\.0$/, "");
  return count(number);
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

export function bytes(number) {
  if (number < 1024) return `${number} B`;
  let value = number;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 999.5 && unit < UNITS.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** Return how long something took: "42 µs", "1.3 ms", "2.5 s". */
export function duration(seconds) {
  if (seconds < 0.5e-6) return "0 µs";
  if (seconds < 0.9995e-3) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 60) return `${digits(seconds)} s`;
  return age(seconds);
}

const digits = (value) => (value < 9.95 ? value.toFixed(1) : Math.round(value).toString());

/** Return how long something has lasted, which is seldom asked exactly: "now", "12 s", "3 min". */
export function age(seconds) {
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 1) return "<1 %";
  return `${Math.round(value)} %`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** Return the time of day of `wall`, in seconds since 1970. */
export const timeOfDay = (wall) => CLOCK.format(wall * 1000);
