import { durationText } from "./number-text.ts";

/** A moment of a report: google.protobuf.Timestamp. */
interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

/** Epoch seconds of a moment of a report. */
export function epochSeconds({ seconds, nanos }: Moment): number {
  return seconds + nanos / 1e9;
}

/** The time of day where the reader is: `09:04:31`; with `isDated` the day before it: `14 Mar 09:04`. */
export function clockText(epoch: number, isDated = false): string {
  const date = new Date(epoch * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (isDated) return `${date.getDate()}\u00a0${months[date.getMonth()]} ${minutes}`;
  return `${minutes}:${two(date.getSeconds())}`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The time of day for an axis whose numbers are so many seconds apart. */
export function axisClockText(epoch: number, stepSeconds: number): string {
  const text = clockText(epoch);
  return stepSeconds >= 60 ? text.slice(0, 5) : text;
}

/** How long ago something was: `3 min ago`; `now` below a second. */
export function agoText(epoch: number, nowEpoch: number): string {
  const seconds = nowEpoch - epoch;
  if (seconds < 1) return "now";
  const [largest = ""] = durationText(seconds).split(" ");
  return `${largest} ago`;
}
