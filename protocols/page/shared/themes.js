// The theme that the user has chosen. theme.js applies it when a page is opened.

/** Return "light", "dark" or "system". */
export const theme = () => document.documentElement.dataset.theme ?? "system";

export function setTheme(name) {
  const root = document.documentElement;
  try {
    if (name === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", name);
  } catch {
    // it lasts until the page is closed
  }
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
}
