// @ts-check
// Sets the theme before the first paint, so that the page never flashes in the wrong
// colours.
try {
  const chosen = localStorage.getItem("tallyman.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A frame without storage follows the system.
}
