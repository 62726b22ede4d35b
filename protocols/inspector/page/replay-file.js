// Reads the files of a recording into memory: as bytes, with an index of the lines, so that 64 MiB
// of turns take 64 MiB and not ten times as much. A line becomes an object only when it is needed.
//
// The format is documented in reactor/recording.py. FILE.1 and FILE of one run make one recording,
// in whatever order they come.

export const VERSION = 1;
export const MAX_SIZE = 160 << 20; // bytes of all files: two of 64 MiB, and what a line is over
const MAX_FILES = 8;
const MAX_LINE = 64 << 20; // bytes; the first line of another file may never end
const NEWLINE = 10;
const PAINT_EVERY = 40; // milliseconds of work, after which the page can draw its progress

/** A file cannot be opened; the message is one line for the user. */
export class RecordingError extends Error {}

/** The lines of the files, one after another. */
export class Lines {
  #decoder = new TextDecoder();
  #pieces = []; // {bytes, starts, ends, first}: a file each
  count = 0;

  add(bytes, starts, ends) {
    this.#pieces.push({ bytes, starts, ends, first: this.count });
    this.count += starts.length;
  }

  /** The text of line `index`. */
  text(index) {
    const piece = this.#pieces.findLast(({ first }) => first <= index);
    const at = index - piece.first;
    return this.#decoder.decode(piece.bytes.subarray(piece.starts[at], piece.ends[at]));
  }

  /** The object of line `index`. */
  parse(index) {
    return JSON.parse(this.text(index));
  }
}

/**
 * Read `files` (File objects, or Blobs). `line(value, index)` is called for each line in order,
 * `progress(share)` now and then with 0 to 1. `signal` cancels, with an AbortError.
 *
 * Returns `{lines, cut}`: `cut` says that a file ended within a line, or had one that cannot be
 * read, and what follows it was left out. Throws RecordingError if it is not a recording.
 */
export async function readFiles(files, { line = () => {}, progress = () => {}, signal } = {}) {
  const parts = await inOrder([...files]);
  const total = parts.reduce((sum, { file }) => sum + file.size, 0);
  const lines = new Lines();
  let done = 0;
  let cut = false;
  for (const { file } of parts) {
    const reader = new FileLines(file, lines.count, line);
    await reader.read((read) => progress((done + read) / total), signal);
    lines.add(reader.bytes, reader.starts, reader.ends);
    done += file.size;
    cut ||= reader.cut;
  }
  progress(1);
  return { lines, cut };
}

/** The files with their headers, the oldest first. */
async function inOrder(files) {
  if (!files.length) throw new RecordingError("There is no file.");
  if (files.length > MAX_FILES) throw new RecordingError("These are too many files.");
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > MAX_SIZE) {
    const limit = MAX_SIZE >> 20;
    throw new RecordingError(`${nameOf(files[0])} is too large: the limit is ${limit} MiB.`);
  }
  const parts = [];
  for (const file of files) parts.push({ file, header: await headerOf(file) });
  if (parts.some(({ header }) => header.run !== parts[0].header.run)) {
    throw new RecordingError("These files are of different runs. Open one of them.");
  }
  return parts.sort((a, b) => a.header.time - b.header.time);
}

async function headerOf(file) {
  let header = null;
  try {
    header = JSON.parse(await firstLine(file));
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw new RecordingError(`${nameOf(file)} cannot be read.`, { cause: error });
    }
  }
  if (!Number.isInteger(header?.recording)) {
    throw new RecordingError(`${nameOf(file)} is not a recording of a loop.`);
  }
  if (header.recording !== VERSION) {
    const version = `version ${header.recording} of the format`;
    throw new RecordingError(`${nameOf(file)} has ${version}; this page reads ${VERSION}.`);
  }
  if (!header.snapshot?.loop || !Number.isFinite(header.time)) {
    throw new RecordingError(`${nameOf(file)} has no snapshot in its first line.`);
  }
  return header;
}

async function firstLine(file) {
  for (let size = 1 << 16; ; size *= 4) {
    const bytes = new Uint8Array(await file.slice(0, size).arrayBuffer());
    const end = bytes.indexOf(NEWLINE);
    if (end >= 0) return new TextDecoder().decode(bytes.subarray(0, end));
    // Another file is not read to its end, only to find that out.
    if (bytes.length < size || size > MAX_LINE || bytes[0] !== 0x7b) return "";
  }
}

/** The lines of one file. */
class FileLines {
  #decoder = new TextDecoder();
  #at = 0; // bytes that have been read
  #lineStart = 0;
  #starts = [];
  #ends = [];
  #paintAt = 0;

  constructor(file, first, line) {
    this.file = file;
    this.first = first;
    this.line = line;
    this.bytes = new Uint8Array(file.size);
    this.cut = false;
  }

  async read(progress, signal) {
    const reader = this.file.stream().getReader();
    try {
      while (!this.cut) {
        signal?.throwIfAborted();
        const { value, done } = await reader.read();
        if (done) break;
        await this.#chunk(value, progress, signal);
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
    this.cut ||= this.#lineStart < this.#at;
    this.starts = Uint32Array.from(this.#starts);
    this.ends = Uint32Array.from(this.#ends);
  }

  async #chunk(value, progress, signal) {
    // A file that is still being written may have more than its size said.
    const chunk = value.subarray(0, this.bytes.length - this.#at);
    this.bytes.set(chunk, this.#at);
    let from = this.#at;
    this.#at += chunk.length;
    const filled = this.bytes.subarray(0, this.#at);
    for (;;) {
      const end = filled.indexOf(NEWLINE, from);
      if (end < 0 || !this.#line(end)) return;
      from = end + 1;
      if (performance.now() > this.#paintAt) {
        progress(from);
        await new Promise((resolve) => setTimeout(resolve));
        signal?.throwIfAborted();
        this.#paintAt = performance.now() + PAINT_EVERY;
      }
    }
  }

  #line(end) {
    const start = this.#lineStart;
    let value = null;
    try {
      value = JSON.parse(this.#decoder.decode(this.bytes.subarray(start, end)));
    } catch {
      // As read_recording() does: a line that is not complete ends the file.
    }
    if (!isLine(value)) {
      this.cut = true;
      return false;
    }
    this.line(value, this.first + this.#starts.length);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#lineStart = end + 1;
    return true;
  }
}

/** Whether this is a line of a recording. What passes needs no other check. */
function isLine(value) {
  if (value === null || typeof value !== "object") return false;
  if (value.snapshot !== undefined) {
    const { loop, descriptors } = value.snapshot ?? {};
    return Number.isFinite(value.time) && isObject(loop) && areAll(descriptors, isObject);
  }
  const { turn, times, events, calls, flushes, opened, closed, errors } = value;
  const { modified, unregistered, changed } = value;
  return (
    Number.isInteger(turn) &&
    times?.length > 0 &&
    times.length <= 9 &&
    areAll(times, Number.isFinite) &&
    areAll(events, Array.isArray) &&
    areAll(calls, Array.isArray) &&
    areAll(flushes, Array.isArray) &&
    areAll(modified, Array.isArray) &&
    areAll(opened, isObject) &&
    areAll(closed, Number.isInteger) &&
    areAll(unregistered, Number.isInteger) &&
    (changed === undefined || areAll(Object.values(changed ?? {}), isObject)) &&
    areAll(errors, (error) => typeof error === "string")
  );
}

function areAll(list, test) {
  return list === undefined || (Array.isArray(list) && list.every((value) => test(value)));
}

function isObject(value) {
  return value !== null && typeof value === "object";
}

function nameOf(file) {
  return file.name ?? "The file";
}
