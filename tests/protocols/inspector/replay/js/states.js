// node states.js FILE… : the states of a recording, as lines of JSON. Standard input has the
// moments as a JSON list of [index, step, view].

import { openAsBlob, readFileSync } from "node:fs";

import { openRecording } from "./page/replay.js";

const files = [];
for (const path of process.argv.slice(2)) {
  files.push(new File([await openAsBlob(path)], path.split("/").at(-1)));
}
const recording = await openRecording(files);
const moments = JSON.parse(readFileSync(0, "utf8"));
const lines = moments.map((moment) => JSON.stringify(recording.stateAt(...moment)));
process.stdout.write(`${[JSON.stringify(recording.hello()), ...lines].join("\n")}\n`);
