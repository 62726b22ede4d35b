// Where a moment of a recording is on its timeline, from 0 to 1.

export function placeOf({ began, ended }, time) {
  return ended > began ? Math.max(0, Math.min((time - began) / (ended - began), 1)) : 0;
}

/** The opposite of that. */
export function timeAt({ began, ended }, place) {
  return began + Math.max(0, Math.min(place, 1)) * (ended - began);
}
