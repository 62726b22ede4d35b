// JSON merge patch (RFC 7396).

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Return `target` changed by `patch`. Nothing is changed in place, and what the patch does not
 * mention is the same object as before, so that a view can see whether its part has changed.
 */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else setOwn(result, name, merge(result[name], value));
  }
  return result;
}

function setOwn(object, name, value) {
  // An assignment to "__proto__" would set the prototype.
  Object.defineProperty(object, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}
