// Requests to the server.

const token = new URLSearchParams(location.search).get("token") ?? "";

/** Return the address of `path`, with the token if the page has one. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams(
    Object.entries({ ...parameters, token }).filter(([, value]) => value !== ""),
  );
  return `./${path}${query.size ? `?${query}` : ""}`;
}

export const mailPath = (id, view = "") =>
  `api/messages/${encodeURIComponent(id)}${view ? `/${view}` : ""}`;

async function ask(method, path, parameters = {}, signal = undefined) {
  const response = await fetch(address(path, parameters), {
    method,
    signal,
    headers: method === "GET" ? {} : { "X-Requested-With": "page" },
  });
  if (!response.ok) {
    const error = new Error((await response.text()).split("\n")[0] || response.statusText);
    error.status = response.status;
    throw error;
  }
  return response;
}

export const getList = async (parameters, signal) =>
  (await ask("GET", "api/messages", parameters, signal)).json();
export const getMail = async (id, signal) => (await ask("GET", mailPath(id), {}, signal)).json();
export const getSource = async (id, signal) =>
  (await ask("GET", mailPath(id, "raw"), {}, signal)).text();
export const markRead = (id) => ask("POST", mailPath(id, "read"));
export const deleteMail = (id) => ask("DELETE", mailPath(id));
export const deleteMails = (parameters) => ask("DELETE", "api/messages", parameters);
