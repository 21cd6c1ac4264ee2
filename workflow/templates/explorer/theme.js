// Light or dark: as the system says, until the button is pressed; then as it said last, on both pages.
"use strict";
const theme = {
  system: matchMedia("(prefers-color-scheme: dark)"),
  kept() {
    try {
      return localStorage.getItem("sweep-theme");
    } catch {
      return null; // a browser that keeps nothing for files
    }
  },
  keep(name) {
    try {
      localStorage.setItem("sweep-theme", name);
    } catch {
      // then it holds until the page is left
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
