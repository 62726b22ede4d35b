// Keys that work everywhere on the page.

export function handleKeys({ actions, composer, drawers, logView }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (document.querySelector("dialog[open], .menu:popover-open")) return; // they have their own
    if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") {
      actions.goTo();
    } else if (altKey && !ctrlKey && !metaKey && (key === "ArrowUp" || key === "ArrowDown")) {
      actions.step(key === "ArrowUp" ? -1 : 1, shiftKey);
      if (!drawers.isOpen) composer.focus();
    } else if (key === "Escape") {
      if (drawers.isOpen) drawers.close();
      else logView.toEnd();
      composer.focus();
    } else {
      // Who begins to type means the message field, wherever the focus is.
      const isTyping = key.length === 1 && key !== " " && !ctrlKey && !metaKey && !altKey;
      if (isTyping && !drawers.isOpen && !isField(event.target)) composer.focus();
      return;
    }
    event.preventDefault();
  });
}

const isField = (element) => element.matches("input, textarea, select, [contenteditable]");
