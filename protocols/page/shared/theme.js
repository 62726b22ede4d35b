// Applies the saved theme before the page is drawn, so that it does not flash in the other one.
// An ordinary script, not a module: modules run after the page has been parsed.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden. The system's theme is right, then.
}
