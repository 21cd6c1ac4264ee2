// Light or dark as the system is set, until the button is pressed; from then on as the button was set last. This holds
// for both pages.
"use strict";
const theme = {
  system: matchMedia("(prefers-color-scheme: dark)"),
  kept() {
    try {
      return localStorage.getItem("sweep-theme");
    } catch {
      return null; // some browsers store nothing for a page from a file
    }
  },
  keep(name) {
    try {
      localStorage.setItem("sweep-theme", name);
    } catch {
      // The choice then lasts until the page is left.
    }
  },
  show(name) {
    document.documentElement.dataset.theme = name;
    const button = document.getElementById("theme");
    if (button) button.setAttribute("aria-pressed", String(name === "dark"));
    document.dispatchEvent(new Event("theme"));
  },
  current: () => document.documentElement.dataset.theme,
};
theme.show(theme.kept() ?? (theme.system.matches ? "dark" : "light"));
theme.system.addEventListener("change", () => {
  if (!theme.kept()) theme.show(theme.system.matches ? "dark" : "light");
});
document.addEventListener("DOMContentLoaded", () => {
  theme.show(theme.current());
  document.getElementById("theme").addEventListener("click", () => {
    theme.show(theme.current() === "dark" ? "light" : "dark");
    theme.keep(theme.current());
  });
});
